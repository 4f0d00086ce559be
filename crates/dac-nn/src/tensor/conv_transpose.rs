//! The transposed 1-D convolution on burn tensors, computed as a convolution with a channel per output phase.

use burn::tensor::module::{conv_transpose1d, conv1d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, FloatDType, Tensor};
use dac_kernels::ConvTransposeParams;

use crate::layer;
use crate::tensor::sequence::upload;
use crate::weights::{WeightError, Weights};

/// A transposed convolution with weight `[in, out, kernel]` and bias `[out]`; no output padding.
///
/// [`ConvTranspose::forward`] is a plain convolution that computes the `stride` outputs per input position
/// (the phases) as separate channels; a reshape then puts them in order. [`ConvTranspose::forward_reference`]
/// is burn's own operation.
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
    /// When `weights` lacks one.
    pub fn load(
        spec: &layer::ConvTranspose,
        weights: &mut dyn Weights,
        device: &Device,
    ) -> Result<Self, WeightError> {
        let params = spec.params;
        let [weight, bias] = weights.weight_and_bias(spec.parameters())?;
        let channels = params.stride * params.out_channels;
        let taps = params.kernel.div_ceil(params.stride);
        let weight = phase_weights(&weight, &params);
        Ok(Self {
            weight: upload(weight, [channels, params.in_channels, taps], device),
            bias: upload(bias.repeat(params.stride), [channels], device),
            params,
            arithmetic: FloatDType::F32,
        })
    }

    /// Returns a copy that gives the full output; tensors are shared.
    #[must_use]
    pub fn unpadded(&self) -> Self {
        Self { params: ConvTransposeParams { padding: 0, ..self.params }, ..self.clone() }
    }

    /// Casts the weights to `arithmetic` and computes in it; input and output stay f32.
    #[must_use]
    pub fn with_arithmetic(self, arithmetic: FloatDType) -> Self {
        let (weight, bias) = (self.weight.cast(arithmetic), self.bias.cast(arithmetic));
        Self { weight, bias, arithmetic, ..self }
    }

    /// # Shapes
    /// `[batch, in, positions]` to `[batch, out, (positions − 1)·stride − 2·padding + kernel]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let ConvTransposeParams { out_channels, kernel, stride, padding, .. } = self.params;
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

    /// Computes the same with burn's transposed convolution: slower, the reference that tests compare with.
    ///
    /// # Shapes
    /// Same as [`ConvTranspose::forward`].
    pub fn forward_reference(&self, x: Tensor<3>) -> Tensor<3> {
        let ConvTransposeParams { in_channels: inputs, out_channels: outputs, kernel, stride, padding } =
            self.params;
        let taps = kernel.div_ceil(stride);
        let weight = self.weight.clone().reshape([stride, outputs, inputs, taps]);
        let weight = weight.flip([3]).permute([2, 1, 3, 0]).reshape([inputs, outputs, taps * stride]);
        let weight = weight.narrow(2, 0, kernel);
        let bias = self.bias.clone().narrow(0, 0, outputs);
        let options = ConvTransposeOptions::new([stride], [padding], [0], [1], 1);
        conv_transpose1d(x.cast(self.arithmetic), weight, Some(bias), options).cast(FloatDType::F32)
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
