//! The transposed 1-D convolution on burn tensors.

use burn::tensor::Tensor;
use dac_kernels::ConvTransposeParams;

use crate::formulation::ConvolutionShape;
use crate::layer::{self, Padding};
use crate::tensor::convolution::Convolution;
use crate::tensor::sequence::{Loader, zero_padded};
use crate::weights::WeightError;

/// A transposed convolution, computed as one of stride 1 whose output channels are the `stride` outputs of an
/// input position (the phases) one after the other.
///
/// With channels last, a change of shape puts them in order. This is faster than burn's own.
#[derive(Debug, Clone)]
pub struct ConvTranspose {
    convolution: Convolution,
    params: ConvTransposeParams,
}

impl ConvTranspose {
    /// Loads and uploads the parameters.
    ///
    /// # Errors
    /// When one cannot be loaded.
    pub fn load(spec: &layer::ConvTranspose, loader: &mut Loader<'_>) -> Result<Self, WeightError> {
        let params = spec.params;
        let [weight, bias] = loader.weights.weight_and_bias(spec.parameters())?;
        let shape = ConvolutionShape::of_conv_transpose(&params);
        let bias = bias.repeat(params.stride);
        Ok(Self { convolution: loader.convolution(shape, phase_weights(&weight, &params), bias), params })
    }

    /// # Shapes
    /// `[batch, positions, in]` to `[batch, (positions − 1)·stride − 2·padding + kernel, out]`, both f32.
    pub fn forward(&self, x: Tensor<3>, padding: Padding) -> Tensor<3> {
        let ConvTransposeParams { out_channels, kernel, stride, .. } = self.params;
        let padding = padding.of(self.params.padding);
        let around = kernel.div_ceil(stride) - 1;
        let [batch, positions, _] = x.dims();
        let y = self.convolution.forward(zero_padded(x, around, around));
        let phases = (positions + around) * stride;
        let outputs = (positions - 1) * stride + kernel - 2 * padding;
        y.reshape([batch, phases, out_channels]).narrow(1, padding, outputs)
    }
}

/// Rearranges `[in, out, kernel]` to `[taps, in, stride · out]`: taps from the oldest input to the newest,
/// output `phase · out + o` for output channel `o` of a phase; taps beyond the kernel are 0.
fn phase_weights(weight: &[f32], params: &ConvTransposeParams) -> Vec<f32> {
    let ConvTransposeParams { in_channels: inputs, out_channels: outputs, kernel, stride, .. } = *params;
    let taps = kernel.div_ceil(stride);
    let mut phases = vec![0.0; taps * inputs * stride * outputs];
    for (pair, values) in weight.chunks(kernel).enumerate() {
        let (input, output) = (pair / outputs, pair % outputs);
        for (k, value) in values.iter().enumerate() {
            let (tap, phase) = (taps - 1 - k / stride, k % stride);
            phases[((tap * inputs + input) * stride + phase) * outputs + output] = *value;
        }
    }
    phases
}
