//! Options of loading and running a codec.

use dac_kernels::{Isa, Precision};
use dac_nn::pipeline::PipelineError;
use dac_nn::{Device, Formulations, NetworkShape, memory};

use super::error::CodecError;
use super::prepared::Prepared;

/// Device, precision and resources of a codec.
#[derive(Debug, Clone, Default)]
pub struct CodecOptions {
    /// Device that runs the network.
    pub device: Device,
    /// Threads of the CPU engine; `None` uses all of rayon's pool.
    pub threads: Option<usize>,
    /// Precision of the convolutions; burn's CPU backends support only f32.
    pub precision: Precision,
    /// Instruction set of the CPU engine; `None` uses the best available.
    pub isa: Option<Isa>,
    /// Formulations of the convolutions on a burn device; `None` uses [`Formulations::unmeasured`].
    pub formulations: Option<Formulations>,
    /// Bytes available for weights and activations on a burn device, as estimated by [`dac_nn::memory`]. The
    /// CPU engine ignores it: it never holds whole activations.
    pub memory_budget_bytes: Option<u64>,
    /// Compute what several threads encode or decode at about the same time in common batches, in separate
    /// threads. For GPUs, which single short signals do not fill; the CPU engine ignores it.
    pub shared_batches: bool,
    /// Emit output as early as possible, at some cost in speed. GPU streams then wait for every chunk instead
    /// of keeping one in progress.
    pub low_latency: bool,
    /// Measure the time of each layer of the CPU engine.
    pub timings: bool,
    /// Prepared weights for the CPU engine. They belong to weights files, so [`super::Codec::load`] ignores
    /// it.
    pub prepared: Prepared,
}

impl CodecOptions {
    /// Returns the formulations that a burn device uses: with [`Precision::Exact`] only direct ones.
    pub fn device_formulations(&self) -> Formulations {
        let chosen = self.formulations.clone();
        let formulations = chosen.unwrap_or_else(|| Formulations::unmeasured(self.device));
        if self.precision == Precision::Exact { formulations.direct() } else { formulations }
    }

    /// Returns the bytes that activations may use at a time; `None` without a budget and on the CPU engine.
    pub(super) fn activation_budget_bytes(&self, shape: &NetworkShape) -> Option<u64> {
        let budget = self.memory_budget_bytes.filter(|_| self.device != Device::Cpu)?;
        Some(budget.saturating_sub(memory::device_parameter_bytes(shape, &self.device_formulations())))
    }

    /// Returns the defaults for `device`.
    pub fn on(device: Device) -> Self {
        Self { device, ..Self::default() }
    }

    /// Returns the instruction set of the CPU engine.
    pub(super) fn isa(&self) -> Result<Isa, CodecError> {
        match self.isa {
            Some(isa) => Ok(isa),
            None => Ok(Isa::from_env().map_err(PipelineError::from)?),
        }
    }
}
