//! The residual unit.

use burn::tensor::{Device, FloatDType, Tensor};

use crate::layer;
use crate::tensor::{Conv, Snake};
use crate::weights::{WeightError, Weights};

/// `x + conv2(snake2(conv1(snake1(x))))` (the reference's `ResidualUnit`).
#[derive(Debug, Clone)]
pub struct ResidualUnit {
    snake1: Snake,
    conv1: Conv,
    snake2: Snake,
    conv2: Conv,
}

impl ResidualUnit {
    /// Uploads the parameters of its four parts.
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

    /// The same weights without padding.
    #[must_use]
    pub fn unpadded(&self) -> Self {
        Self { conv1: self.conv1.unpadded(), ..self.clone() }
    }

    /// As [`Conv::with_arithmetic`], of both convolutions.
    #[must_use]
    pub fn with_arithmetic(self, arithmetic: FloatDType) -> Self {
        let (conv1, conv2) = (self.conv1.with_arithmetic(arithmetic), self.conv2.with_arithmetic(arithmetic));
        Self { conv1, conv2, ..self }
    }

    /// # Shapes
    /// `[batch, channels, positions]` in and out; without padding fewer come out, and `x` is cropped on both sides alike.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = self.conv1.forward(self.snake1.forward(x.clone()));
        let (before, after) = (x.dims()[2], inner.dims()[2]);
        let x = if after < before { x.narrow(2, (before - after) / 2, after) } else { x };
        x + self.conv2.forward(self.snake2.forward(inner))
    }
}
