//! The 1-D convolution on burn tensors.

use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, FloatDType, Tensor};
use dac_kernels::ConvParams;

use crate::layer;
use crate::tensor::sequence::upload;
use crate::weights::{WeightError, Weights};

/// A convolution with its weight `[out, in, kernel]` and bias `[out]`.
#[derive(Debug, Clone)]
pub struct Conv {
    weight: Tensor<3>,
    bias: Tensor<1>,
    params: ConvParams,
    arithmetic: FloatDType,
}

impl Conv {
    /// Loads and uploads the parameters.
    ///
    /// # Errors
    /// When `weights` lacks one.
    pub fn load(spec: &layer::Conv, weights: &mut dyn Weights, device: &Device) -> Result<Self, WeightError> {
        let params = spec.params;
        let [weight, bias] = weights.weight_and_bias(spec.parameters())?;
        let weight = upload(weight, [params.out_channels, params.in_channels, params.kernel], device);
        let bias = upload(bias, [params.out_channels], device);
        Ok(Self { weight, bias, params, arithmetic: FloatDType::F32 })
    }

    /// Returns a copy that does not pad; tensors are shared.
    #[must_use]
    pub fn unpadded(&self) -> Self {
        Self { params: ConvParams { padding: 0, ..self.params }, ..self.clone() }
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
        let ConvParams { stride, padding, dilation, .. } = self.params;
        let options = ConvOptions::new([stride], [padding], [dilation], 1);
        let x = x.cast(self.arithmetic);
        conv1d(x, self.weight.clone(), Some(self.bias.clone()), options).cast(FloatDType::F32)
    }
}
