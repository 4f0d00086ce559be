//! Arguments for the model and its device.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use dac::cache::Environment;
use dac::formulations::Formulations;
use dac::prepared::Prepared;
use dac::{Device, LoadOptions, Precision, Preset};

use super::values::{self, FormulationArg};
use crate::resources;

/// Model and device.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    /// Model [default: the one named by a token file, else 44khz].
    #[arg(short, long, value_name = "PRESET", value_parser = values::preset())]
    pub(crate) model: Option<Preset>,
    /// Weights file to use instead of the cache.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Device and arithmetic.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Device: cpu, flex, ndarray, wgpu[:N] or cuda[:N].
    ///
    /// cpu is this project's own engine; flex and ndarray are burn on the CPU.
    #[arg(short, long, default_value_t = Device::Cpu)]
    pub(crate) device: Device,
    /// Threads, at most 4 per core [default: RAYON_NUM_THREADS, else one per core].
    #[arg(short, long, value_name = "N", value_parser = values::count)]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Arithmetic: f32, exact, bf16, f16 or tf32.
    ///
    /// exact is f32 with direct sums only; bf16 and f16 need a device that supports them; tf32 is f32 with
    /// factors of 11 significant bits on cuda.
    #[arg(long, default_value_t = Precision::F32, hide_short_help = true)]
    pub(crate) precision: Precision,
    /// Formulation of the convolutions on burn devices: auto, conv, shifted, unfolded, winograd-2, winograd-4
    /// or winograd-6.
    ///
    /// auto takes what `dac doctor --autotune` found to be fastest, else shifted.
    #[arg(long, default_value = "auto", value_parser = values::formulation, hide_short_help = true)]
    pub(crate) formulation: FormulationArg,
    /// Memory limit on burn devices, in bytes or with K, M or G.
    ///
    /// Chunks are shortened to fit, or several are processed at once if there is room.
    #[arg(long, value_name = "SIZE", value_parser = values::bytes, hide_short_help = true)]
    pub(crate) memory_budget: Option<u64>,
}

impl RunArgs {
    pub(crate) fn load_options(&self) -> LoadOptions {
        LoadOptions {
            prepared: prepared(),
            threads: self.threads.map(|_| resources::threads(self.threads)),
            precision: self.precision,
            formulations: self.formulation.0.map(Formulations::all),
            memory_budget_bytes: self.memory_budget,
            ..LoadOptions::on(self.device)
        }
    }
}

/// Prepared weights in this program's cache.
pub(crate) fn prepared() -> Prepared {
    Environment::from_process().prepared_folder().map_or(Prepared::Off, Prepared::Read)
}
