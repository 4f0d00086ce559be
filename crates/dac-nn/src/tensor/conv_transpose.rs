//! The transposed 1-D convolution.

use burn::tensor::module::{conv_transpose1d, conv1d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, FloatDType, Tensor};

use crate::layer;
use crate::tensor::sequence::upload;
use crate::weights::{WeightError, Weights};

/// A transposed convolution with weight `[in, out, kernel]` and bias `[out]`; no output padding.
///
/// It runs as one convolution that computes the output positions between two input positions, the phases, as channels of
/// their own; putting these in order is a change of shape. [`ConvTranspose::forward_plain`] is burn's own operation.
#[derive(Debug, Clone)]
pub struct ConvTranspose {
    /// `[stride · out, in, taps]`: channel `phase · out + o` is output `o` at that phase; taps beyond the kernel are 0.
    weight: Tensor<3>,
    /// `[stride · out]`.
    bias: Tensor<1>,
    kernel: usize,
    stride: usize,
    padding: usize,
    arithmetic: FloatDType,
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
        let weight = phases(&weights.parameter(spec.weight())?, spec);
        let bias = weights.parameter(spec.bias())?.repeat(spec.stride);
        let channels = spec.stride * spec.out_channels;
        let taps = spec.kernel.div_ceil(spec.stride);
        Ok(Self {
            weight: upload(weight, [channels, spec.in_channels, taps], device),
            bias: upload(bias, [channels], device),
            kernel: spec.kernel,
            stride: spec.stride,
            padding: spec.padding,
            arithmetic: FloatDType::F32,
        })
    }

    /// The same weights without padding: the full output.
    #[must_use]
    pub fn unpadded(&self) -> Self {
        Self { padding: 0, ..self.clone() }
    }

    /// As [`super::Conv::with_arithmetic`].
    #[must_use]
    pub fn with_arithmetic(self, arithmetic: FloatDType) -> Self {
        let (weight, bias) = (self.weight.cast(arithmetic), self.bias.cast(arithmetic));
        Self { weight, bias, arithmetic, ..self }
    }

    /// # Shapes
    /// `[batch, in, positions]` to `[batch, out, (positions − 1)·stride − 2·padding + kernel]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [channels, _, taps] = self.weight.dims();
        let [batch, _, positions] = x.dims();
        let options = ConvOptions::new([1], [taps - 1], [1], 1);
        let y = conv1d(x.cast(self.arithmetic), self.weight.clone(), Some(self.bias.clone()), options);
        // Channels last, the phases of a step lie in the order of the output.
        let all = (positions + taps - 1) * self.stride;
        let y = y.swap_dims(1, 2).reshape([batch, all, channels / self.stride]);
        let kept = (positions - 1) * self.stride + self.kernel - 2 * self.padding;
        y.narrow(1, self.padding, kept).swap_dims(1, 2).cast(FloatDType::F32)
    }

    /// The same by burn's transposed convolution: slower, and what [`ConvTranspose::forward`] is held against.
    ///
    /// # Shapes
    /// As [`ConvTranspose::forward`].
    pub fn forward_plain(&self, x: Tensor<3>) -> Tensor<3> {
        let [channels, inputs, taps] = self.weight.dims();
        let outputs = channels / self.stride;
        let weight = self.weight.clone().reshape([self.stride, outputs, inputs, taps]);
        let weight = weight.flip([3]).permute([2, 1, 3, 0]).reshape([inputs, outputs, taps * self.stride]);
        let weight = weight.narrow(2, 0, self.kernel);
        let bias = self.bias.clone().narrow(0, 0, outputs);
        let options = ConvTransposeOptions::new([self.stride], [self.padding], [0], [1], 1);
        conv_transpose1d(x.cast(self.arithmetic), weight, Some(bias), options).cast(FloatDType::F32)
    }
}

/// The weight `[in, out, kernel]` as `[stride · out, in, taps]`, the taps from the oldest input to the newest.
fn phases(weight: &[f32], spec: &layer::ConvTranspose) -> Vec<f32> {
    let (inputs, outputs, stride) = (spec.in_channels, spec.out_channels, spec.stride);
    let taps = spec.kernel.div_ceil(stride);
    let mut phases = vec![0.0; stride * outputs * inputs * taps];
    for (pair, kernel) in weight.chunks(spec.kernel).enumerate() {
        let (input, output) = (pair / outputs, pair % outputs);
        for (k, value) in kernel.iter().enumerate() {
            let channel = k % stride * outputs + output;
            phases[(channel * inputs + input) * taps + taps - 1 - k / stride] = *value;
        }
    }
    phases
}
