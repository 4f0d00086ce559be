//! The residual vector quantizer on burn tensors, for every burn backend.

mod residual_quantizer;
mod vector_quantizer;

pub use residual_quantizer::{Quantized, ResidualQuantizer};
