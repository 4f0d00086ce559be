//! A codebook on burn tensors: nearest-entry search and lookup.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::NORM_EPSILON;

/// Entries `[size, dim]`. The search compares normalised vectors; the lookup returns entries before
/// normalisation.
#[derive(Debug, Clone)]
pub struct Codebook {
    entries: Tensor<2>,
    /// Normalised and transposed, `[1, dim, size]`.
    directions: Tensor<3>,
    /// Squared norms of the normalised entries, `[1, 1, size]`.
    squares: Tensor<3>,
}

impl Codebook {
    /// Uploads the entries, `[size, dim]` row-major.
    pub fn new(entries: Vec<f32>, size: usize, dim: usize, device: &Device) -> Self {
        let entries = Tensor::<2>::from_data(TensorData::new(entries, [size, dim]), device);
        let norms = entries.clone().square().sum_dim(1).sqrt().clamp_min(NORM_EPSILON);
        let directions = entries.clone() / norms;
        let squares = directions.clone().square().sum_dim(1);
        Self {
            directions: directions.transpose().reshape([1, dim, size]),
            squares: squares.reshape([1, 1, size]),
            entries,
        }
    }

    /// Finds the nearest entries: argmax of `−(‖e‖² − 2 e·c + ‖c‖²)` over normalised vectors, as the
    /// reference does.
    ///
    /// # Shapes
    /// `[batch, dim, frames]` to `[batch, frames]`.
    pub fn nearest(&self, latents: Tensor<3>) -> Tensor<2, Int> {
        let norms = latents.clone().square().sum_dim(1).sqrt().clamp_min(NORM_EPSILON);
        let encodings = (latents / norms).swap_dims(1, 2);
        let squares = encodings.clone().square().sum_dim(2);
        let dots = encodings.matmul(self.directions.clone());
        let distances = squares - dots * 2.0 + self.squares.clone();
        distances.neg().argmax(2).squeeze_dim::<2>(2)
    }

    /// Returns the entries with the given indices.
    ///
    /// # Shapes
    /// `[batch, frames]` to `[batch, dim, frames]`.
    pub fn lookup(&self, indices: Tensor<2, Int>) -> Tensor<3> {
        let [batch, frames] = indices.dims();
        let dim = self.entries.dims()[1];
        let rows = self.entries.clone().select(0, indices.reshape([batch * frames]));
        rows.reshape([batch, frames, dim]).swap_dims(1, 2)
    }
}
