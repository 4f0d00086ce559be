//! The transposed 1-D convolution on burn tensors, computed as a convolution with a channel per output phase.

use burn::tensor::module::conv1d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{FloatDType, Tensor};
use dac_kernels::ConvTransposeParams;

use crate::layer::{self, Padding};
use crate::tensor::sequence::{Loader, upload};
use crate::weights::WeightError;

/// A transposed convolution with weight `[in, out, kernel]` and bias `[out]`; no output padding.
///
/// A plain convolution computes the `stride` outputs per input position (the phases) as separate channels; a
/// reshape then puts them in order. This is faster than burn's own transposed convolution.
#[derive(Debug, Clone)]
pub struct ConvTranspose {
    /// `[stride · out, in, taps]`, `taps = ⌈kernel / stride⌉`: channel `phase · out + o` computes output `o`
    /// of a phase; taps beyond the kernel are 0.
    weight: Tensor<3>,
    /// `[stride · out]`.
    bias: Tensor<1>,
    params: ConvTransposeParams,
    arithmetic: FloatDType,
}

impl ConvTranspose {
    /// Loads and uploads the parameters.
    ///
    /// # Errors
    /// When one cannot be loaded.
    pub fn load(spec: &layer::ConvTranspose, loader: &mut Loader<'_>) -> Result<Self, WeightError> {
        let params = spec.params;
        let (device, arithmetic) = (loader.device, loader.arithmetic);
        let [weight, bias] = loader.weights.weight_and_bias(spec.parameters())?;
        let channels = params.stride * params.out_channels;
        let taps = params.kernel.div_ceil(params.stride);
        let weight = phase_weights(&weight, &params);
        Ok(Self {
            weight: upload(weight, [channels, params.in_channels, taps], device).cast(arithmetic),
            bias: upload(bias.repeat(params.stride), [channels], device).cast(arithmetic),
            params,
            arithmetic,
        })
    }

    /// # Shapes
    /// `[batch, in, positions]` to `[batch, out, (positions − 1)·stride − 2·padding + kernel]`, both f32.
    pub fn forward(&self, x: Tensor<3>, padding: Padding) -> Tensor<3> {
        let ConvTransposeParams { out_channels, kernel, stride, .. } = self.params;
        let padding = padding.of(self.params.padding);
        let taps = kernel.div_ceil(stride);
        let [batch, _, positions] = x.dims();
        let options = ConvOptions::new([1], [taps - 1], [1], 1);
        let y = conv1d(x.cast(self.arithmetic), self.weight.clone(), Some(self.bias.clone()), options);
        // With channels last, the phases of a position are in output order.
        let phases = (positions + taps - 1) * stride;
        let y = y.swap_dims(1, 2).reshape([batch, phases, out_channels]);
        let outputs = (positions - 1) * stride + kernel - 2 * padding;
        y.narrow(1, padding, outputs).swap_dims(1, 2).cast(FloatDType::F32)
    }
}

/// Rearranges `[in, out, kernel]` to `[stride · out, in, taps]`, taps from the oldest input to the newest.
fn phase_weights(weight: &[f32], params: &ConvTransposeParams) -> Vec<f32> {
    let ConvTransposeParams { in_channels: inputs, out_channels: outputs, kernel, stride, .. } = *params;
    let taps = kernel.div_ceil(stride);
    let mut phases = vec![0.0; stride * outputs * inputs * taps];
    for (pair, values) in weight.chunks(kernel).enumerate() {
        let (input, output) = (pair / outputs, pair % outputs);
        for (k, value) in values.iter().enumerate() {
            let channel = k % stride * outputs + output;
            phases[(channel * inputs + input) * taps + taps - 1 - k / stride] = *value;
        }
    }
    phases
}
