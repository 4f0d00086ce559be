//! Options of a batch that do not depend on its kind of work.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::partition::Partition;

/// Inputs, outputs and resources of a batch.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// Files, directories (searched recursively) and glob patterns.
    pub inputs: Vec<PathBuf>,
    /// File with more inputs, one path per line or separated by zero bytes; `-` is standard input.
    pub files_from: Option<PathBuf>,
    /// Directory relative to which every output path is formed.
    pub root: Option<PathBuf>,
    /// Appends the new extension instead of replacing the input's (`a.wav` to `a.wav.dac`).
    pub keep_extension: bool,
    /// Directory of the outputs; created if missing.
    pub output_dir: PathBuf,
    /// Part of the jobs to work on; `None` for all.
    pub partition: Option<Partition>,
    /// Manifest of this run; by default `.dac-manifest.jsonl` or `.dac-manifest.I-of-N.jsonl` in the output
    /// directory.
    pub manifest: Option<PathBuf>,
    /// Replaces existing outputs, valid ones included.
    pub overwrite: bool,
    /// Accepts existing outputs of an encode that no manifest lists if their content fits the input and the
    /// settings, and lists them.
    pub adopt: bool,
    /// Works on the rows of a data set that are not in the shard of its name, because they failed. They go to
    /// shards of other names.
    pub retry_failed: bool,
    /// Decides about each job but does no work and writes nothing.
    pub dry_run: bool,
    /// Jobs to work on at the same time.
    pub jobs: NonZeroUsize,
    /// Threads that the jobs share.
    pub threads: NonZeroUsize,
}

impl BatchOptions {
    /// Options for one job at a time with all threads, and defaults for everything else.
    pub fn new(inputs: impl IntoIterator<Item = PathBuf>, output_dir: impl Into<PathBuf>) -> Self {
        Self {
            inputs: inputs.into_iter().collect(),
            files_from: None,
            root: None,
            keep_extension: false,
            output_dir: output_dir.into(),
            partition: None,
            manifest: None,
            overwrite: false,
            adopt: false,
            retry_failed: false,
            dry_run: false,
            jobs: NonZeroUsize::MIN,
            threads: default_threads(),
        }
    }
}

/// Number of threads to use by default: `RAYON_NUM_THREADS`, else the processors that this process may use,
/// as its affinity and its cgroup limit them.
pub fn default_threads() -> NonZeroUsize {
    let from_env = || std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok();
    let available = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    from_env().unwrap_or_else(available)
}
