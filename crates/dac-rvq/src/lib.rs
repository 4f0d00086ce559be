//! Codes, codebooks and the residual vector quantizer of the Descript Audio Codec.
//!
//! [`Codes`] and [`Array3`] are the data types shared by the crates above. The quantizer has two
//! implementations over the same [`QuantizerWeights`]: [`cpu`] on slices for the CPU engine, and `tensor` on
//! burn tensors (feature `burn`).

#![forbid(unsafe_code)]

mod array;
mod codes;
pub mod cpu;
#[cfg(feature = "burn")]
pub mod tensor;
mod weights;

pub use array::{Array3, ShapeError};
pub use codes::{Codes, CodesError};
pub use weights::QuantizerWeights;
