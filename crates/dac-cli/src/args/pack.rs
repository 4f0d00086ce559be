//! Arguments for packs.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Args, ValueEnum};
use dac_batch::{PackFormat, PackLimits};

use super::values;

/// `--pack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PackArg {
    /// WebDataset tar archives with KEY.npy (or another --format) and KEY.json for each input.
    Tar,
    /// Parquet files with one row of codes and metadata for each input.
    Parquet,
    /// Lhotse Shar in the directory shar of the output: codes.N.tar with cuts.N.jsonl.gz.
    Shar,
}

values::convert_variants!(PackArg => PackFormat: Tar, Parquet, Shar);

/// Kind and size of packs.
#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// Collect tokens in shards.
    ///
    /// They are named tokens-000000.tar and so on.
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) pack: Option<PackArg>,
    /// Write one shard for each data set of the input, with its name.
    ///
    /// A shard is complete or missing; a rerun skips inputs whose shard exists. The limits do not apply.
    #[arg(
        long,
        requires = "pack",
        conflicts_with_all = ["pack_entries", "pack_bytes", "max_shard_minutes"],
        hide_short_help = true
    )]
    pub(crate) keep_shards: bool,
    /// Encode rows again that failed and that the shard of their data set therefore lacks.
    ///
    /// They go to shards of other names; complete shards never change.
    #[arg(long, requires = "keep_shards", hide_short_help = true)]
    pub(crate) retry_failed: bool,
    /// Maximum entries per shard [default: 1000].
    ///
    /// At most one open shard is lost if the process is killed.
    #[arg(long, value_name = "N", requires = "pack", hide_short_help = true, value_parser = values::count)]
    pack_entries: Option<NonZeroUsize>,
    /// Size at which a shard is closed [default: 1000000000].
    ///
    /// In bytes, or with K, M or G.
    #[arg(long, value_name = "SIZE", requires = "pack", value_parser = values::bytes, hide_short_help = true)]
    pack_bytes: Option<u64>,
    /// Minutes after which a shard is closed [default: 10].
    ///
    /// A killed process loses at most the work of this time.
    #[arg(long, value_name = "M", requires = "pack", value_parser = values::positive, hide_short_help = true)]
    max_shard_minutes: Option<f64>,
}

impl PackArgs {
    pub(crate) fn limits(&self) -> PackLimits {
        let mut limits = PackLimits::default();
        limits.max_entries = self.pack_entries.unwrap_or(limits.max_entries);
        limits.max_bytes = self.pack_bytes.unwrap_or(limits.max_bytes);
        if let Some(minutes) = self.max_shard_minutes {
            // A time that is too long to represent is no limit.
            limits.max_age = Duration::try_from_secs_f64(minutes * 60.0).ok();
        }
        limits
    }
}
