//! The snake activation on burn tensors.

use burn::tensor::Tensor;

use crate::layer;
use crate::tensor::sequence::{Loader, upload};
use crate::weights::WeightError;

/// `x + sin²(αx) / (α + 1e-9)` with one α per channel (Ziyin et al. 2020; reference: `Snake1d`).
#[derive(Debug, Clone)]
pub struct Snake {
    alpha: Tensor<3>,
    reciprocal: Tensor<3>,
}

impl Snake {
    /// Loads and uploads α, shape `[1, 1, channels]`.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn load(spec: &layer::Snake, loader: &mut Loader<'_>) -> Result<Self, WeightError> {
        let alpha = loader.weights.parameter(spec.alpha())?;
        let reciprocal = alpha.iter().map(|a| 1.0 / (a + 1e-9)).collect();
        let shape = [1, 1, spec.channels];
        let upload = |values| upload(values, shape, loader.device);
        Ok(Self { alpha: upload(alpha), reciprocal: upload(reciprocal) })
    }

    /// # Shapes
    /// `[batch, positions, channels]` in and out.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let sine = (x.clone() * self.alpha.clone()).sin();
        x + sine.clone() * sine * self.reciprocal.clone()
    }
}
