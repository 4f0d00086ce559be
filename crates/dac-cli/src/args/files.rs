//! Arguments for inputs, outputs and batches.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use dac_batch::Partition;

use super::values;

/// Inputs and outputs.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// Files, directories, quoted patterns like 'in/**/*.wav', and data sets.
    ///
    /// Data sets are WebDataset .tar, .tar.gz and .tar.zst, .parquet, manifests .jsonl and tables .csv, .tsv;
    /// ranges like shard-{000..127}.tar stand for all of them.
    #[arg(value_name = "IN")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Directory for the results; created if missing.
    ///
    /// A result is named after its input's stem. Files in directories and of patterns keep their relative
    /// path.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Replace existing results.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print one JSON record per file to stdout.
    #[arg(long)]
    pub(crate) json: bool,
    // A heading applies to all later arguments, so every group of these commands sets its own.
    #[command(flatten, next_help_heading = "Batches")]
    pub(crate) batch: BatchArgs,
}

/// Options for many files.
#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// Read more inputs from this file, one path per line.
    ///
    /// Paths may also be separated by zero bytes; '-' is stdin. Relative paths are kept below the output
    /// directory.
    #[arg(long, value_name = "LIST")]
    pub(crate) files_from: Option<PathBuf>,
    /// Form output paths relative to this directory.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(crate) root: Option<PathBuf>,
    /// Append the new extension: a.wav becomes a.wav.dac.
    #[arg(long, hide_short_help = true)]
    pub(crate) keep_extension: bool,
    /// Files to work on at once [default: as suits the device].
    ///
    /// One per thread with cpu, 32 on a GPU, else 1. They share the weights and the threads, and on a GPU its
    /// batches. At most 4 per core, or 32 on a GPU if that is more.
    #[arg(short, long, value_name = "N", value_parser = values::count)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Print what would be done, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Work on part I of N of the files, with I from 0 to N-1.
    ///
    /// Partitions can run at the same time and share the output directory; `dac manifest merge` joins their
    /// manifests. I may be a sum, such as 3+1000/2500 for task 3 of the second thousand.
    #[arg(long, value_name = "I/N", alias = "shard")]
    pub(crate) partition: Option<Partition>,
    /// Manifest of finished files [default: .dac-manifest.jsonl].
    ///
    /// The default is in the output directory; with --partition its name is .dac-manifest.I-of-N.jsonl.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) manifest: Option<PathBuf>,
}

impl BatchArgs {
    /// Reports whether any of these options is given.
    pub(crate) fn is_given(&self) -> bool {
        self.files_from.is_some()
            || self.root.is_some()
            || self.keep_extension
            || self.jobs.is_some()
            || self.dry_run
            || self.partition.is_some()
            || self.manifest.is_some()
    }
}
