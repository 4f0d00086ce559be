//! Arguments of the commands that neither encode nor decode files.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use dac::weights::registry::Source;
use dac::{Device, Precision, Preset};
use dac_batch::DEFAULT_MODEL;

use super::chunk::ChunkArgs;
use super::model::RunArgs;
use super::values;

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Checkpoints, token files or audio files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print one JSON record per file.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// Print one JSON record per model.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    /// Model.
    #[arg(value_name = "PRESET", value_parser = values::downloadable_preset())]
    pub(crate) preset: Preset,
    /// Publisher to download from [default: descript]. Size and SHA-256 are verified where known, also with
    /// `--url` and `--from`.
    #[arg(long, value_parser = values::source())]
    pub(crate) source: Option<Source>,
    /// Download from this address instead.
    #[arg(long, value_name = "URL", conflicts_with = "from")]
    pub(crate) url: Option<String>,
    /// Copy this file instead of downloading.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Require this SHA-256.
    #[arg(long, value_name = "HEX", value_parser = values::sha256)]
    pub(crate) sha256: Option<String>,
    /// Download again and replace an existing file.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print one JSON record.
    #[arg(long)]
    pub(crate) json: bool,
}

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
    #[arg(short, long, value_name = "R", default_value = "5")]
    pub(crate) runs: NonZeroUsize,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) chunk: ChunkArgs,
    /// Also measure each layer: time, share, and percentage of the processor's peak rate of multiply-adds.
    /// Requires `--device cpu --threads 1`.
    #[arg(long)]
    pub(crate) layers: bool,
    /// Print one JSON record.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ManifestAction {
    /// Merge the manifests of all partitions into DIR/.dac-manifest.jsonl.
    Merge {
        /// Output directory of the partitions.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Instead of the checks, select a GPU's fastest kernels for a model and save the selection for later
    /// runs.
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
    /// GPU for `--autotune`: wgpu[:N] or cuda[:N] [default: the first kind in this build].
    #[arg(short, long, requires = "autotune")]
    pub(crate) device: Option<Device>,
    /// Model for `--autotune`; its weights are not needed [default: 44khz].
    #[arg(short, long, value_name = "PRESET", requires = "autotune", value_parser = values::preset())]
    pub(crate) model: Option<Preset>,
    /// Precision of later runs, for `--autotune` [default: f32].
    #[arg(long, requires = "autotune")]
    pub(crate) precision: Option<Precision>,
    /// Seconds per chunk in later runs, for `--autotune`.
    #[arg(long, value_name = "S", requires = "autotune", value_parser = values::positive)]
    pub(crate) chunk_seconds: Option<f64>,
    /// Memory budget of later runs, for `--autotune`.
    #[arg(long, value_name = "SIZE", value_parser = values::bytes, requires = "autotune")]
    pub(crate) memory_budget: Option<u64>,
}
