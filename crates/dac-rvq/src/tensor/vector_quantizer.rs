//! One codebook of the residual quantizer, with its projections, on burn tensors.

use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::tensor::Codebook;
use crate::weights::QuantizerWeights;

/// Projection into codebook space, nearest entry, projection back (reference: `VectorQuantize`).
#[derive(Debug, Clone)]
pub struct VectorQuantizer {
    in_proj: (Tensor<3>, Tensor<1>),
    out_proj: (Tensor<3>, Tensor<1>),
    codebook: Codebook,
}

impl VectorQuantizer {
    /// Uploads the weights of one codebook.
    pub fn new(weights: QuantizerWeights, device: &Device) -> Self {
        let QuantizerWeights { latent, dim, size, .. } = weights;
        let projection = |weight, out: usize, input: usize, bias| {
            (
                Tensor::<3>::from_data(TensorData::new(weight, [out, input, 1]), device),
                Tensor::<1>::from_data(TensorData::new(bias, [out]), device),
            )
        };
        Self {
            in_proj: projection(weights.in_proj_weight, dim, latent, weights.in_proj_bias),
            out_proj: projection(weights.out_proj_weight, latent, dim, weights.out_proj_bias),
            codebook: Codebook::new(weights.codebook, size, dim, device),
        }
    }

    /// Projects the residual into codebook space.
    ///
    /// # Shapes
    /// `[batch, latent, frames]` to `[batch, dim, frames]`.
    pub fn project(&self, residual: Tensor<3>) -> Tensor<3> {
        pointwise(residual, &self.in_proj)
    }

    /// Finds the indices of the nearest entries.
    ///
    /// # Shapes
    /// `[batch, dim, frames]` to `[batch, frames]`.
    pub fn nearest(&self, latents: Tensor<3>) -> Tensor<2, Int> {
        self.codebook.nearest(latents)
    }

    /// Returns the quantized residual: the entries before normalisation, projected back.
    ///
    /// # Shapes
    /// `[batch, frames]` to `[batch, latent, frames]`.
    pub fn decode(&self, indices: Tensor<2, Int>) -> Tensor<3> {
        pointwise(self.codebook.lookup(indices), &self.out_proj)
    }
}

fn pointwise(x: Tensor<3>, (weight, bias): &(Tensor<3>, Tensor<1>)) -> Tensor<3> {
    conv1d(x, weight.clone(), Some(bias.clone()), ConvOptions::new([1], [0], [1], 1))
}
