//! `--pack`: token files collected in few large ones.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use dac_dataset::PackLimits;

use super::values;

/// `--pack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PackArg {
    /// WebDataset's shards: KEY.npy (or another --format) and KEY.json for each input.
    Tar,
    /// Parquet files: a row of codes and what is known of them for each input.
    Parquet,
}

/// How token files are collected.
#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// Collect the tokens in few large files, tokens-000000.tar and so on, instead of a file for each input.
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) pack: Option<PackArg>,
    /// With `--pack`: a file is closed with so many inputs: what a kill loses at most [default: 1000].
    #[arg(long, value_name = "N", requires = "pack")]
    pack_entries: Option<NonZeroUsize>,
    /// With `--pack`: a file is closed once it has so many bytes, a number or one with K, M or G [default: 1000000000].
    #[arg(long, value_name = "SIZE", requires = "pack", value_parser = values::bytes)]
    pack_bytes: Option<u64>,
}

impl PackArgs {
    /// How large the files become.
    pub(crate) fn limits(&self) -> PackLimits {
        let mut limits = PackLimits::default();
        limits.max_entries = self.pack_entries.unwrap_or(limits.max_entries);
        limits.max_bytes = self.pack_bytes.unwrap_or(limits.max_bytes);
        limits
    }
}
