//! The residual vector quantizer on burn tensors: all codebooks.

use burn::tensor::{Device, Int, Tensor};

use super::vector_quantizer::VectorQuantizer;
use crate::weights::QuantizerWeights;

/// Result of quantization.
#[derive(Debug, Clone)]
pub struct Quantized {
    /// Sum of the quantized residuals, `[batch, latent, frames]`.
    pub z: Tensor<3>,
    /// Codes, `[batch, codebooks, frames]`.
    pub codes: Tensor<3, Int>,
    /// Projected residuals of all codebooks, `[batch, codebooks · dim, frames]`.
    pub latents: Tensor<3>,
}

/// The residual vector quantizer: each codebook codes the residual of those before it (Zeghidour et al. 2021,
/// with the factorised, normalised lookup of Kumar et al. 2023).
#[derive(Debug, Clone)]
pub struct ResidualQuantizer {
    stages: Vec<VectorQuantizer>,
    dim: usize,
}

impl ResidualQuantizer {
    /// Uploads the weights of all codebooks.
    pub fn new(weights: Vec<QuantizerWeights>, device: &Device) -> Self {
        let dim = weights.first().map_or(0, |w| w.dim);
        Self { stages: weights.into_iter().map(|w| VectorQuantizer::new(w, device)).collect(), dim }
    }

    /// Quantizes encoder output with the first `codebooks` codebooks.
    ///
    /// # Shapes
    /// `[batch, latent, frames]`; see [`Quantized`].
    ///
    /// # Panics
    /// When `codebooks` is 0 or more than available.
    pub fn encode(&self, encoded: Tensor<3>, codebooks: usize) -> Quantized {
        let mut residual = encoded;
        let mut z: Option<Tensor<3>> = None;
        let (mut codes, mut latents) = (Vec::new(), Vec::new());
        for (k, stage) in self.stages[..codebooks].iter().enumerate() {
            let projected = stage.project(residual.clone());
            let indices = stage.nearest(projected.clone());
            let quantized = stage.decode(indices.clone());
            if k + 1 < codebooks {
                residual = residual - quantized.clone();
            }
            z = Some(match z {
                Some(sum) => sum + quantized,
                None => quantized,
            });
            codes.push(indices.unsqueeze_dim::<3>(1));
            latents.push(projected);
        }
        let z = z.expect("at least one codebook");
        Quantized { z, codes: Tensor::cat(codes, 1), latents: Tensor::cat(latents, 1) }
    }

    /// Converts codes of any number of codebooks to z.
    ///
    /// # Shapes
    /// `[batch, codebooks, frames]` to `[batch, latent, frames]`.
    ///
    /// # Panics
    /// When the codes have no codebooks or more than available.
    pub fn decode(&self, codes: Tensor<3, Int>) -> Tensor<3> {
        let [batch, codebooks, frames] = codes.dims();
        let parts = self.stages[..codebooks].iter().enumerate().map(|(k, stage)| {
            let indices = codes.clone().slice([0..batch, k..k + 1, 0..frames]).reshape([batch, frames]);
            stage.decode(indices)
        });
        parts.reduce(|sum, part| sum + part).expect("at least one codebook")
    }

    /// Searches the codes of latents, given as in [`Quantized::latents`].
    ///
    /// # Shapes
    /// `[batch, codebooks · dim, frames]` to `[batch, codebooks, frames]`.
    ///
    /// # Panics
    /// When the latents have channels for no codebook or more than available.
    pub fn search(&self, latents: Tensor<3>) -> Tensor<3, Int> {
        let [batch, channels, frames] = latents.dims();
        let codebooks = channels / self.dim;
        let codes = self.stages[..codebooks].iter().enumerate().map(|(k, stage)| {
            let part = latents.clone().slice([0..batch, k * self.dim..(k + 1) * self.dim, 0..frames]);
            stage.nearest(part).unsqueeze_dim::<3>(1)
        });
        Tensor::cat(codes.collect(), 1)
    }
}
