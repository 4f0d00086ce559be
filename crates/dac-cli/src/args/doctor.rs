//! Arguments of `dac doctor`.

use clap::Args;
use dac::{Device, Precision, Preset};

use super::values::{self, FormulationArg};

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Instead of the checks, measure the fastest formulations and kernels of a model on a burn device and
    /// save them for later runs.
    #[arg(long, alias = "warm")]
    pub(crate) autotune: bool,
    #[command(flatten)]
    pub(crate) tuning: AutotuneArgs,
    /// Print one JSON record.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Settings of the later runs, which determine the shapes that are tuned.
#[derive(Debug, Args)]
pub(crate) struct AutotuneArgs {
    /// Device for `--autotune`: wgpu[:N], cuda[:N], flex or ndarray [default: the first kind of GPU in this
    /// build].
    #[arg(short, long, requires = "autotune")]
    pub(crate) device: Option<Device>,
    /// Model for `--autotune`; its weights are not needed [default: 44khz].
    #[arg(short, long, value_name = "PRESET", requires = "autotune", value_parser = values::preset())]
    pub(crate) model: Option<Preset>,
    /// Precision of later runs, for `--autotune` [default: f32].
    #[arg(long, requires = "autotune")]
    pub(crate) precision: Option<Precision>,
    /// For `--autotune`: do not measure formulations, but search burn's kernels for this one, or for those
    /// that were saved (auto).
    #[arg(long, value_name = "NAME", requires = "autotune", value_parser = values::formulation)]
    pub(crate) formulation: Option<FormulationArg>,
    /// Seconds per chunk in later runs, for `--autotune`.
    #[arg(long, value_name = "S", requires = "autotune", value_parser = values::positive)]
    pub(crate) chunk_seconds: Option<f64>,
    /// Memory budget of later runs, for `--autotune`.
    #[arg(long, value_name = "SIZE", value_parser = values::bytes, requires = "autotune")]
    pub(crate) memory_budget: Option<u64>,
}
