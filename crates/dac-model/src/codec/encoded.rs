//! The result of encoding.

use dac_rvq::{Array3, Codes};

/// An encoded signal of `ceil(samples / hop)` frames.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// Quantized latents, `[batch, latent, frames]`.
    pub z: Array3,
    /// Codes, `[batch, codebooks, frames]`.
    pub codes: Codes,
    /// Projected residuals, `[batch, codebooks · dim, frames]`.
    pub latents: Array3,
}
