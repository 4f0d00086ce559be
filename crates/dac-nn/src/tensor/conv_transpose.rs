//! The transposed 1-D convolution.

use burn::tensor::module::conv_transpose1d;
use burn::tensor::ops::ConvTransposeOptions;
use burn::tensor::{Device, Tensor};

use crate::layer;
use crate::tensor::sequence::upload;
use crate::weights::{WeightError, Weights};

/// A transposed convolution with its weight `[in, out, kernel]` and bias `[out]`; no output padding.
#[derive(Debug, Clone)]
pub struct ConvTranspose {
    weight: Tensor<3>,
    bias: Tensor<1>,
    stride: usize,
    padding: usize,
}

impl ConvTranspose {
    /// Uploads the parameters.
    ///
    /// # Errors
    /// When `weights` lacks one.
    pub fn load(
        spec: &layer::ConvTranspose,
        weights: &mut dyn Weights,
        device: &Device,
    ) -> Result<Self, WeightError> {
        let shape = [spec.in_channels, spec.out_channels, spec.kernel];
        Ok(Self {
            weight: upload(weights.parameter(spec.weight())?, shape, device),
            bias: upload(weights.parameter(spec.bias())?, [spec.out_channels], device),
            stride: spec.stride,
            padding: spec.padding,
        })
    }

    /// The same weights without padding: the full output.
    #[must_use]
    pub fn unpadded(&self) -> Self {
        Self { padding: 0, ..self.clone() }
    }

    /// # Shapes
    /// `[batch, in, positions]` to `[batch, out, (positions − 1)·stride − 2·padding + kernel]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let options = ConvTransposeOptions::new([self.stride], [self.padding], [0], [1], 1);
        conv_transpose1d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}
