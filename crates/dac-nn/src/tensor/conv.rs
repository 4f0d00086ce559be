//! The 1-D convolution on burn tensors.

use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, FloatDType, Tensor};

use crate::layer;
use crate::tensor::sequence::upload;
use crate::weights::{WeightError, Weights};

/// A convolution with its weight `[out, in, kernel]` and bias `[out]`.
#[derive(Debug, Clone)]
pub struct Conv {
    weight: Tensor<3>,
    bias: Tensor<1>,
    stride: usize,
    padding: usize,
    dilation: usize,
    arithmetic: FloatDType,
}

impl Conv {
    /// Loads and uploads the parameters.
    ///
    /// # Errors
    /// When `weights` lacks one.
    pub fn load(spec: &layer::Conv, weights: &mut dyn Weights, device: &Device) -> Result<Self, WeightError> {
        let shape = [spec.out_channels, spec.in_channels, spec.kernel];
        Ok(Self {
            weight: upload(weights.parameter(spec.weight())?, shape, device),
            bias: upload(weights.parameter(spec.bias())?, [spec.out_channels], device),
            stride: spec.stride,
            padding: spec.padding,
            dilation: spec.dilation,
            arithmetic: FloatDType::F32,
        })
    }

    /// Returns a copy that does not pad; tensors are shared.
    #[must_use]
    pub fn unpadded(&self) -> Self {
        Self { padding: 0, ..self.clone() }
    }

    /// Casts the weights to `arithmetic` and computes in it; input and output stay f32.
    #[must_use]
    pub fn with_arithmetic(self, arithmetic: FloatDType) -> Self {
        let (weight, bias) = (self.weight.cast(arithmetic), self.bias.cast(arithmetic));
        Self { weight, bias, arithmetic, ..self }
    }

    /// # Shapes
    /// `[batch, in, positions]` to `[batch, out, positions']`, lengths as [`crate::Layer::output_len`].
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let options = ConvOptions::new([self.stride], [self.padding], [self.dilation], 1);
        let x = x.cast(self.arithmetic);
        conv1d(x, self.weight.clone(), Some(self.bias.clone()), options).cast(FloatDType::F32)
    }
}
