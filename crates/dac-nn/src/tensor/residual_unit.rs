//! The residual unit on burn tensors.

use burn::tensor::{Device, FloatDType, Tensor};

use crate::layer;
use crate::tensor::{Conv, Snake};
use crate::weights::{WeightError, Weights};

/// `x + conv2(snake2(conv1(snake1(x))))` (reference: `ResidualUnit`).
#[derive(Debug, Clone)]
pub struct ResidualUnit {
    snake1: Snake,
    conv1: Conv,
    snake2: Snake,
    conv2: Conv,
}

impl ResidualUnit {
    /// Loads and uploads the parameters of the four parts.
    ///
    /// # Errors
    /// When `weights` lacks one.
    pub fn load(
        spec: &layer::ResidualUnit,
        weights: &mut dyn Weights,
        device: &Device,
    ) -> Result<Self, WeightError> {
        Ok(Self {
            snake1: Snake::load(&spec.snake1, weights, device)?,
            conv1: Conv::load(&spec.conv1, weights, device)?,
            snake2: Snake::load(&spec.snake2, weights, device)?,
            conv2: Conv::load(&spec.conv2, weights, device)?,
        })
    }

    /// Returns a copy that does not pad; tensors are shared.
    #[must_use]
    pub fn unpadded(&self) -> Self {
        Self { conv1: self.conv1.unpadded(), ..self.clone() }
    }

    /// Applies [`Conv::with_arithmetic`] to both convolutions.
    #[must_use]
    pub fn with_arithmetic(self, arithmetic: FloatDType) -> Self {
        let (conv1, conv2) = (self.conv1.with_arithmetic(arithmetic), self.conv2.with_arithmetic(arithmetic));
        Self { conv1, conv2, ..self }
    }

    /// # Shapes
    /// `[batch, channels, positions]` in and out; without padding the output is shorter and `x` is cropped
    /// equally on both sides.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = self.conv1.forward(self.snake1.forward(x.clone()));
        let (positions, inner_positions) = (x.dims()[2], inner.dims()[2]);
        let cropped = positions - inner_positions;
        let x = if cropped > 0 { x.narrow(2, cropped / 2, inner_positions) } else { x };
        x + self.conv2.forward(self.snake2.forward(inner))
    }
}
