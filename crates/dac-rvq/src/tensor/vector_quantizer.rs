//! One codebook of the residual quantizer, with its projections, on burn tensors.

use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::weights::QuantizerWeights;

/// Lower bound of a vector's norm in normalisation, against division by zero (as torch's `F.normalize`).
const NORM_EPSILON: f32 = 1e-12;

/// Projection into codebook space, nearest entry, projection back (reference: `VectorQuantize`). The search
/// compares normalised vectors.
#[derive(Debug, Clone)]
pub(super) struct VectorQuantizer {
    in_proj: (Tensor<3>, Tensor<1>),
    out_proj: (Tensor<3>, Tensor<1>),
    /// Before normalisation, `[size, dim]`.
    entries: Tensor<2>,
    /// Normalised and transposed entries, `[1, dim, size]`.
    directions: Tensor<3>,
    /// Squared norms of the normalised entries, `[1, 1, size]`.
    squares: Tensor<3>,
}

impl VectorQuantizer {
    pub(super) fn new(weights: QuantizerWeights, device: &Device) -> Self {
        let QuantizerWeights { latent, dim, size, .. } = weights;
        let projection = |weight, out: usize, input: usize, bias| {
            (
                Tensor::<3>::from_data(TensorData::new(weight, [out, input, 1]), device),
                Tensor::<1>::from_data(TensorData::new(bias, [out]), device),
            )
        };
        let entries = Tensor::<2>::from_data(TensorData::new(weights.codebook, [size, dim]), device);
        let norms = entries.clone().square().sum_dim(1).sqrt().clamp_min(NORM_EPSILON);
        let directions = entries.clone() / norms;
        let squares = directions.clone().square().sum_dim(1);
        Self {
            in_proj: projection(weights.in_proj_weight, dim, latent, weights.in_proj_bias),
            out_proj: projection(weights.out_proj_weight, latent, dim, weights.out_proj_bias),
            directions: directions.transpose().reshape([1, dim, size]),
            squares: squares.reshape([1, 1, size]),
            entries,
        }
    }

    /// Projects the residual `[batch, latent, frames]` into codebook space, `[batch, dim, frames]`.
    pub(super) fn project(&self, residual: Tensor<3>) -> Tensor<3> {
        pointwise(residual, &self.in_proj)
    }

    /// Finds the entries nearest to `[batch, dim, frames]`, as `[batch, frames]`: argmax of
    /// `−(‖e‖² − 2 e·c + ‖c‖²)` over normalised vectors, as the reference does.
    pub(super) fn nearest(&self, latents: Tensor<3>) -> Tensor<2, Int> {
        let norms = latents.clone().square().sum_dim(1).sqrt().clamp_min(NORM_EPSILON);
        let encodings = (latents / norms).swap_dims(1, 2);
        let squares = encodings.clone().square().sum_dim(2);
        let dots = encodings.matmul(self.directions.clone());
        let distances = squares - dots * 2.0 + self.squares.clone();
        distances.neg().argmax(2).squeeze_dim::<2>(2)
    }

    /// Returns the quantized residual `[batch, latent, frames]` of indices `[batch, frames]`: the entries
    /// before normalisation, projected back.
    pub(super) fn decode(&self, indices: Tensor<2, Int>) -> Tensor<3> {
        let [batch, frames] = indices.dims();
        let dim = self.entries.dims()[1];
        let rows = self.entries.clone().select(0, indices.reshape([batch * frames]));
        pointwise(rows.reshape([batch, frames, dim]).swap_dims(1, 2), &self.out_proj)
    }
}

fn pointwise(x: Tensor<3>, (weight, bias): &(Tensor<3>, Tensor<1>)) -> Tensor<3> {
    conv1d(x, weight.clone(), Some(bias.clone()), ConvOptions::new([1], [0], [1], 1))
}
