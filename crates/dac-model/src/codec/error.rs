//! What a codec cannot do.

use dac_nn::engine::EngineError;
use dac_nn::{Device, DeviceError, WeightError};
use dac_rvq::{CodesError, ShapeError};
use thiserror::Error;

use crate::precision::Precision;

/// What a codec cannot do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A parameter is not there.
    #[error(transparent)]
    Weight(#[from] WeightError),
    /// The CPU engine refuses the layers or the options.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The device failed.
    #[error("{device} failed: {reason}")]
    Failed {
        /// The device.
        device: Device,
        /// What it says.
        reason: String,
    },
    /// A precision that the device does not offer.
    #[error("precision {precision} is not available on {device}: {why}")]
    Precision {
        /// The device.
        device: Device,
        /// The precision.
        precision: Precision,
        /// What is missing.
        why: String,
    },
    /// A memory budget that does not hold the weights and so many frames at once.
    #[error(
        "a memory budget of {budget_bytes} bytes is too small: this model needs {needed_bytes} for {frames} frames at once"
    )]
    MemoryBudget {
        /// What it may take.
        budget_bytes: u64,
        /// What it takes with the weights.
        needed_bytes: u64,
        /// Frames that were to be worked on together: the fewest there can be, or those that were given.
        frames: usize,
    },
    /// Codes that are out of range or ill-shaped.
    #[error(transparent)]
    Codes(#[from] CodesError),
    /// Values that do not fit their shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// An input of the wrong shape.
    #[error("{what} has shape {found:?}, expected {expected}")]
    Input {
        /// Which input.
        what: &'static str,
        /// Its shape.
        found: [usize; 3],
        /// What it may be.
        expected: String,
    },
    /// Nothing to encode or decode.
    #[error("{what} is empty: there is nothing to code")]
    Empty {
        /// Which input.
        what: &'static str,
    },
    /// A number of codebooks that the model does not have.
    #[error("{asked} codebooks asked for, the model has {available}")]
    Codebooks {
        /// How many were asked for.
        asked: usize,
        /// How many there are.
        available: usize,
    },
    /// A value that is no number came out of the network, or went into it.
    #[error("{what} holds a value that is not finite at position {position}")]
    NonFinite {
        /// Where.
        what: &'static str,
        /// Index of the first one, in positions of the row-major data.
        position: usize,
    },
}
