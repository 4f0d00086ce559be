//! The residual unit on burn tensors.

use burn::tensor::Tensor;

use crate::layer::{self, Padding};
use crate::tensor::{Conv, Loader, Snake};
use crate::weights::WeightError;

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
    /// When one cannot be loaded.
    pub fn load(spec: &layer::ResidualUnit, loader: &mut Loader<'_>) -> Result<Self, WeightError> {
        Ok(Self {
            snake1: Snake::load(&spec.snake1, loader)?,
            conv1: Conv::load(&spec.conv1, loader)?,
            snake2: Snake::load(&spec.snake2, loader)?,
            conv2: Conv::load(&spec.conv2, loader)?,
        })
    }

    /// # Shapes
    /// `[batch, positions, channels]` in and out; without padding the output is shorter and `x` is cropped
    /// equally on both sides.
    pub fn forward(&self, x: Tensor<3>, padding: Padding) -> Tensor<3> {
        let inner = self.conv1.forward(self.snake1.forward(x.clone()), padding);
        let (positions, inner_positions) = (x.dims()[1], inner.dims()[1]);
        let cropped = positions - inner_positions;
        let x = if cropped > 0 { x.narrow(1, cropped / 2, inner_positions) } else { x };
        x + self.conv2.forward(self.snake2.forward(inner), padding)
    }
}
