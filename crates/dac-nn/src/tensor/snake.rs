//! The snake activation on burn tensors.

use burn::tensor::{Device, Tensor};

use crate::layer;
use crate::tensor::sequence::upload;
use crate::weights::{WeightError, Weights};

/// `x + sin²(αx) / (α + 1e-9)` with one α per channel (Ziyin et al. 2020; reference: `Snake1d`).
#[derive(Debug, Clone)]
pub struct Snake {
    alpha: Tensor<3>,
    reciprocal: Tensor<3>,
}

impl Snake {
    /// Loads and uploads α, shape `[1, channels, 1]`.
    ///
    /// # Errors
    /// When `weights` has no such parameter.
    pub fn load(
        spec: &layer::Snake,
        weights: &mut dyn Weights,
        device: &Device,
    ) -> Result<Self, WeightError> {
        let alpha = weights.parameter(spec.alpha())?;
        let reciprocal = alpha.iter().map(|a| 1.0 / (a + 1e-9)).collect();
        let shape = [1, spec.channels, 1];
        Ok(Self { alpha: upload(alpha, shape, device), reciprocal: upload(reciprocal, shape, device) })
    }

    /// # Shapes
    /// `[batch, channels, positions]` in and out.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let sine = (x.clone() * self.alpha.clone()).sin();
        x + sine.clone() * sine * self.reciprocal.clone()
    }
}
