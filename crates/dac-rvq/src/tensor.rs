//! The quantizer on burn tensors, for any backend.

mod codebook;
mod residual_quantizer;
mod vector_quantizer;

pub use codebook::Codebook;
pub use residual_quantizer::{Quantized, ResidualQuantizer};
pub use vector_quantizer::VectorQuantizer;
