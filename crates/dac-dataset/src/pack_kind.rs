//! File types of shards.

use std::path::{Path, PathBuf};

use dac_tokens::{Format, IntegerType, WriteOptions};

/// File type of the shards.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackKind {
    /// Tar archives for WebDataset, with token files of this format, written with these options.
    Tar(Format, WriteOptions),
    /// Parquet files, which store only codes, as integers of this type.
    Parquet(IntegerType),
    /// Lhotse Shar: archives of codes of this type, each with a file of cuts.
    Shar(IntegerType),
}

impl PackKind {
    /// Start of the file names of numbered shards.
    pub(crate) fn prefix(&self) -> &'static str {
        if matches!(self, Self::Shar(_)) { "codes." } else { "tokens-" }
    }

    /// File name extension of the shards, without the dot.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Tar(..) | Self::Shar(_) => "tar",
            Self::Parquet(_) => "parquet",
        }
    }

    /// Path of the cuts that belong to a shard of Shar: `cuts.000000.jsonl.gz` for `codes.000000.tar`.
    pub fn cuts_of(&self, shard: &Path) -> Option<PathBuf> {
        let name = shard.file_name()?.to_str()?;
        let number = name.strip_prefix("codes.")?.strip_suffix(".tar")?;
        matches!(self, Self::Shar(_)).then(|| shard.with_file_name(format!("cuts.{number}.jsonl.gz")))
    }
}
