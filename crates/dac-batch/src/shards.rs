//! Kinds, names and limits of the shards of a batch.

use std::path::{Path, PathBuf};

use dac::tokens::{Format, IntegerType, LayoutSettings, WriteOptions};
use dac_dataset::{PackKind, PackLimits, PackNaming};

/// File format of the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackFormat {
    /// WebDataset tar archives of token files.
    Tar,
    /// Parquet files of codes.
    Parquet,
    /// Lhotse Shar: tar archives of codes with files of cuts.
    Shar,
}

/// Directory of a Shar below the output directory. Lhotse takes every file in it for a field, so it must not
/// contain the manifest.
const SHAR_DIR: &str = "shar";

/// Collects the tokens in few large files instead of writing one file per input.
#[derive(Debug, Clone, Copy)]
pub struct PackSettings {
    /// File format of the shards.
    pub format: PackFormat,
    /// Size limits of a shard.
    pub limits: PackLimits,
    /// Writes one shard for each data set of the input, with its name; the limits do not apply to it.
    pub keeps_shards: bool,
}

/// Kind, limits and content of the shards of a batch.
pub(crate) struct ShardSettings {
    pub(crate) kind: PackKind,
    pub(crate) limits: PackLimits,
    pub(crate) layout: Option<LayoutSettings>,
}

impl PackSettings {
    /// Settings of the shards for token files of this format.
    pub(crate) fn shards(
        self,
        format: Format,
        options: &WriteOptions,
        layout: Option<LayoutSettings>,
    ) -> ShardSettings {
        let kind = match self.format {
            PackFormat::Tar => PackKind::Tar(format, options.clone()),
            PackFormat::Parquet => PackKind::Parquet(options.integer.unwrap_or_default()),
            PackFormat::Shar => PackKind::Shar(options.integer.unwrap_or_default()),
        };
        ShardSettings { kind, limits: self.limits, layout }
    }
}

impl ShardSettings {
    /// Path of a shard below the output directory, which is its name in manifests.
    pub(crate) fn name(&self, file_name: &str) -> String {
        match self.kind {
            PackKind::Shar(_) => format!("{SHAR_DIR}/{file_name}"),
            _ => file_name.to_owned(),
        }
    }

    /// Name of the shard that keeps the name of a data set.
    pub(crate) fn kept_name(&self, stem: &str) -> String {
        self.name(&PackNaming::fixed(stem).file_name(0, &self.kind))
    }

    /// Tag of the numbered shards next to those that keep their names, where both would have the same names.
    pub(crate) fn tag_of_rest(&self) -> Option<&'static str> {
        matches!(self.kind, PackKind::Shar(_)).then_some("rest")
    }

    /// Directory of the shards.
    pub(crate) fn dir(&self, output_dir: &Path) -> PathBuf {
        if matches!(self.kind, PackKind::Shar(_)) { output_dir.join(SHAR_DIR) } else { output_dir.to_owned() }
    }
}

/// Cuts that belong to a shard with this name in manifests, at this path; `None` for other kinds.
pub(crate) fn cuts_of(name: &str, path: &Path) -> Option<PathBuf> {
    let is_shar = Path::new(name).starts_with(SHAR_DIR);
    PackKind::Shar(IntegerType::default()).cuts_of(path).filter(|_| is_shar)
}
