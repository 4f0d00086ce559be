//! Errors of loading and running a codec.

use dac_kernels::{KernelError, Precision};
use dac_nn::pipeline::PipelineError;
use dac_nn::{Device, DeviceError, WeightError};
use dac_rvq::{CodesError, ShapeError};
use thiserror::Error;

/// An error of loading or running a codec.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The device is not available.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A parameter could not be loaded.
    #[error(transparent)]
    Weight(#[from] WeightError),
    /// The CPU engine rejects the layers or the options.
    #[error(transparent)]
    Engine(#[from] PipelineError),
    /// The device failed.
    #[error("{device} failed: {reason}")]
    Failed {
        /// Device that failed.
        device: Device,
        /// Error message of the backend.
        reason: String,
    },
    /// The device does not support the precision.
    #[error("precision {precision} is not available on {device}: {why}")]
    Precision {
        /// Requested device.
        device: Device,
        /// Requested precision.
        precision: Precision,
        /// Missing requirement.
        why: String,
    },
    /// The memory budget is too small for the weights and the frames.
    #[error(
        "the memory budget of {budget_bytes} bytes is too small: this model needs {needed_bytes} bytes to \
process {frames} frames at once"
    )]
    MemoryBudget {
        /// Available bytes.
        budget_bytes: u64,
        /// Bytes needed for weights and activations.
        needed_bytes: u64,
        /// Frames to process at once: the given ones, or at loading the fewest possible.
        frames: usize,
    },
    /// Codes are out of range or have the wrong shape, or the model does not have the requested codebooks.
    #[error(transparent)]
    Codes(#[from] CodesError),
    /// The number of values does not match a shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// An input has the wrong shape.
    #[error("{what} has shape {found:?}, expected {expected}")]
    Input {
        /// Name of the input.
        what: &'static str,
        /// Shape found.
        found: [usize; 3],
        /// Valid shapes.
        expected: String,
    },
    /// A group of streams has no stream with this number.
    #[error("stream {number} is not in this group; it has left, or never joined")]
    NotInGroup {
        /// Number of the stream.
        number: u64,
    },
    /// A stream of a group was pushed to between the end of its signal and the next step.
    #[error("the signal of stream {number} has ended; step the group before pushing the next signal")]
    SignalEnded {
        /// Number of the stream.
        number: u64,
    },
    /// An input has no samples or frames.
    #[error("{what} is empty, expected at least one sample or frame")]
    Empty {
        /// Name of the input.
        what: &'static str,
    },
    /// The network received or computed a value that is not finite.
    #[error(
        "{what} is not finite (NaN or infinity) at position {position}{}; the input contains values that are \
         not finite or far too large (samples should be from -1 to 1), or the weights are damaged (then \
         other recordings fail as well)",
        describe_layer(layer.as_deref())
    )]
    NonFinite {
        /// Name of the input or output.
        what: &'static str,
        /// Index of the first such value in row-major data.
        position: usize,
        /// Canonical name of the layer that computed the first such value; `None` if it was in the input, or
        /// is unknown.
        layer: Option<String>,
    },
}

impl CodecError {
    /// Reports whether the system refuses to start threads, because of a limit on processes or memory.
    pub fn is_thread_limit(&self) -> bool {
        matches!(self, Self::Engine(PipelineError::Kernel(KernelError::Threads { .. })))
    }

    /// Adds the layer that computed a value that is not finite.
    pub(super) fn in_layer(self, found: impl FnOnce() -> Option<String>) -> Self {
        match self {
            Self::NonFinite { what, position, layer: None } => {
                Self::NonFinite { what, position, layer: found() }
            }
            other => other,
        }
    }
}

fn describe_layer(layer: Option<&str>) -> String {
    layer.map_or_else(String::new, |layer| format!(", first in layer {layer}"))
}
