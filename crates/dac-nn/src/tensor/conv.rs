//! The 1-D convolution on burn tensors.

use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{FloatDType, Tensor};
use dac_kernels::ConvParams;

use crate::layer::{self, Padding};
use crate::tensor::sequence::{Loader, upload};
use crate::weights::WeightError;

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
    /// When one cannot be loaded.
    pub fn load(spec: &layer::Conv, loader: &mut Loader<'_>) -> Result<Self, WeightError> {
        let ConvParams { in_channels, out_channels, kernel, .. } = spec.params;
        let [weight, bias] = loader.weights.weight_and_bias(spec.parameters())?;
        let (device, arithmetic) = (loader.device, loader.arithmetic);
        let weight = upload(weight, [out_channels, in_channels, kernel], device).cast(arithmetic);
        let bias = upload(bias, [out_channels], device).cast(arithmetic);
        Ok(Self { weight, bias, params: spec.params, arithmetic })
    }

    /// # Shapes
    /// `[batch, in, positions]` to `[batch, out, positions']`, lengths as [`crate::Layer::output_len`].
    pub fn forward(&self, x: Tensor<3>, padding: Padding) -> Tensor<3> {
        let ConvParams { stride, dilation, .. } = self.params;
        let padding = padding.of(self.params.padding);
        let options = ConvOptions::new([stride], [padding], [dilation], 1);
        let x = x.cast(self.arithmetic);
        conv1d(x, self.weight.clone(), Some(self.bias.clone()), options).cast(FloatDType::F32)
    }
}
