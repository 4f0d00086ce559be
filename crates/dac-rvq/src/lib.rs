//! Codes, codebooks and the residual vector quantizer of the Descript Audio Codec.
//!
//! [`Codes`] and [`Array3`] are plain data that every crate above shares. The quantizer comes twice over the same
//! [`QuantizerWeights`]: [`plain`] on slices for the CPU engine, and on burn tensors (`tensor`, feature `burn`).

mod array;
mod codes;
pub mod plain;
#[cfg(feature = "burn")]
pub mod tensor;
mod weights;

pub use array::{Array3, ShapeError};
pub use codes::{Codes, CodesError};
pub use weights::QuantizerWeights;

/// The guard against a division by zero when a vector is normalised (torch's `F.normalize`).
pub const NORM_EPSILON: f32 = 1e-12;
