//! Arguments of `dac bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use dac::Preset;
use dac_batch::DEFAULT_MODEL;

use super::chunk::ChunkArgs;
use super::model::RunArgs;
use super::values;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Model.
    #[arg(
        short,
        long,
        value_name = "PRESET",
        default_value_t = DEFAULT_MODEL,
        value_parser = values::preset()
    )]
    pub(crate) model: Preset,
    /// Weights file to use instead of the cache.
    #[arg(short, long, value_name = "FILE", conflicts_with = "random_weights")]
    pub(crate) weights: Option<PathBuf>,
    /// Use random weights in the model's shape: needs no download and takes the same time.
    #[arg(long)]
    pub(crate) random_weights: bool,
    /// Seconds of audio.
    #[arg(long, value_name = "S", default_value = "10", value_parser = values::positive)]
    pub(crate) seconds: f64,
    /// Measured runs after a warm-up; the median is reported.
    #[arg(short, long, value_name = "R", default_value = "5", value_parser = values::count)]
    pub(crate) runs: NonZeroUsize,
    /// Signals to process at once, in shared batches. More than 1 only on burn devices.
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::count, hide_short_help = true)]
    pub(crate) batch: NonZeroUsize,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) chunk: ChunkArgs,
    /// Also measure each layer: time, share, and percentage of the processor's peak rate of multiply-adds; on
    /// burn devices each formulation of the convolutions. `--device cpu` requires `--threads 1`.
    #[arg(long)]
    pub(crate) layers: bool,
    /// Measure live streams instead: blocks of 1 to 32 frames and a group of 16 streams, compared with the
    /// whole signal. Requires `--device cpu`.
    #[arg(long, conflicts_with = "layers")]
    pub(crate) streaming: bool,
    /// Print one JSON record.
    #[arg(long)]
    pub(crate) json: bool,
}
