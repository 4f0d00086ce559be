//! The residual vector quantizer on burn tensors, for every burn backend.

mod codebook;
mod residual_quantizer;
mod vector_quantizer;

pub use codebook::Codebook;
pub use residual_quantizer::{Quantized, ResidualQuantizer};
pub use vector_quantizer::VectorQuantizer;
