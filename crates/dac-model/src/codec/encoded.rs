//! The result of encoding.

use dac_rvq::{Array3, Codes, CodesError};

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

impl Encoded {
    /// Returns the first `frames` frames of an item.
    ///
    /// # Panics
    /// When there is no such item.
    #[must_use]
    pub fn item_start(&self, item: usize, frames: usize) -> Self {
        Self {
            z: self.z.item_start(item, frames),
            codes: self.codes.channel_start(item, frames),
            latents: self.latents.item_start(item, frames),
        }
    }

    /// Joins the items of `parts`, which have the same number of frames and codebooks.
    ///
    /// # Errors
    /// When their shapes differ.
    pub fn stack(parts: &[Self]) -> Result<Self, CodesError> {
        let stack = |array: fn(&Self) -> &Array3| {
            Array3::stack(&parts.iter().map(|part| array(part).clone()).collect::<Vec<_>>())
        };
        let codes: Vec<_> = parts.iter().map(|part| part.codes.clone()).collect();
        Ok(Self {
            z: stack(|part| &part.z)?,
            codes: Codes::stack_channels(&codes)?,
            latents: stack(|part| &part.latents)?,
        })
    }
}
