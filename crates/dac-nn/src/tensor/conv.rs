//! The 1-D convolution on burn tensors.

use burn::tensor::Tensor;
use dac_kernels::ConvParams;

use crate::formulation::ConvolutionShape;
use crate::layer::{self, Padding};
use crate::tensor::convolution::Convolution;
use crate::tensor::sequence::{Loader, zero_padded};
use crate::weights::WeightError;

/// A convolution, computed as one of stride 1 on groups of `stride` positions.
#[derive(Debug, Clone)]
pub struct Conv {
    convolution: Convolution,
    params: ConvParams,
    taps: usize,
}

impl Conv {
    /// Loads and uploads the parameters.
    ///
    /// # Errors
    /// When one cannot be loaded.
    pub fn load(spec: &layer::Conv, loader: &mut Loader<'_>) -> Result<Self, WeightError> {
        let [weight, bias] = loader.weights.weight_and_bias(spec.parameters())?;
        let shape = ConvolutionShape::of_conv(&spec.params);
        let convolution = loader.convolution(shape, group_weights(&weight, &spec.params), bias);
        Ok(Self { convolution, params: spec.params, taps: shape.taps })
    }

    /// # Shapes
    /// `[batch, positions, in]` to `[batch, positions', out]`, lengths as [`crate::Layer::output_len`].
    pub fn forward(&self, x: Tensor<3>, padding: Padding) -> Tensor<3> {
        let ConvParams { in_channels, kernel, stride, dilation, .. } = self.params;
        let padding = padding.of(self.params.padding);
        let [batch, positions, _] = x.dims();
        if stride == 1 {
            return self.convolution.forward(zero_padded(x, padding, padding));
        }
        let outputs = (positions + 2 * padding - (dilation * (kernel - 1) + 1)) / stride + 1;
        let groups = outputs + self.taps - 1;
        // The last group may end before or after the padded signal.
        let after = (groups * stride).saturating_sub(positions + padding);
        let x = zero_padded(x, padding, after).narrow(1, 0, groups * stride);
        self.convolution.forward(x.reshape([batch, groups, stride * in_channels]))
    }
}

/// Rearranges `[out, in, kernel]` to the `[taps, stride · in, out]` of [`ConvolutionShape::of_conv`].
fn group_weights(weight: &[f32], params: &ConvParams) -> Vec<f32> {
    let ConvParams { in_channels, out_channels, kernel, stride, dilation, .. } = *params;
    let ConvolutionShape { in_channels: group, taps, .. } = ConvolutionShape::of_conv(params);
    let spacing = if stride == 1 { 1 } else { dilation };
    let mut grouped = vec![0.0; taps * group * out_channels];
    for (pair, values) in weight.chunks(kernel).enumerate() {
        let (output, input) = (pair / in_channels, pair % in_channels);
        for (k, value) in values.iter().enumerate() {
            // Position k · spacing of the kernel is in the group of a tap.
            grouped[(k * spacing * in_channels + input) * out_channels + output] = *value;
        }
    }
    grouped
}
