//! Arguments of `dac models`.

use std::path::PathBuf;

use clap::Args;
use dac::{Precision, Preset};

use super::values;

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Print one JSON record per model.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prepare the weights of a model [default: 44khz] for the cpu engine: later runs load at once and share
    /// memory.
    #[arg(long, value_name = "MODEL", num_args = 0..=1, value_parser = values::preset())]
    pub(crate) prepare: Option<Option<Preset>>,
    #[command(flatten)]
    pub(crate) preparation: PrepareArgs,
}

/// Settings of the later runs, which determine the prepared weights.
#[derive(Debug, Args)]
pub(crate) struct PrepareArgs {
    /// Weights file for `--prepare` to use instead of the cache.
    #[arg(short, long, value_name = "FILE", requires = "prepare")]
    pub(crate) weights: Option<PathBuf>,
    /// Precision of later runs, for `--prepare` [default: f32].
    #[arg(long, requires = "prepare")]
    pub(crate) precision: Option<Precision>,
    /// Prepare for live streams (`dac encode -`, `dac decode -`, low_latency=True in Python).
    #[arg(long, requires = "prepare")]
    pub(crate) low_latency: bool,
}
