//! Memory estimates for devices that hold whole activations, derived from the layer list.

use crate::formulation::{ConvolutionShape, Formulations};
use crate::layer::{Layer, Parameter};
use crate::shape::NetworkShape;

/// Size of an f32.
const VALUE_BYTES: u64 = 4;

/// Returns the bytes of all parameters in f32.
pub fn parameter_bytes(shape: &NetworkShape) -> u64 {
    let count = |(_, dims): Parameter| dims.iter().map(|&d| d as u64).product::<u64>();
    VALUE_BYTES * shape.parameters().into_iter().map(count).sum::<u64>()
}

/// Returns the bytes of all parameters as a device with these formulations holds them: Winograd's have more
/// points than taps.
pub fn device_parameter_bytes(shape: &NetworkShape, formulations: &Formulations) -> u64 {
    let layers = shape.encoder().into_iter().chain(shape.decoder());
    let added = layers.flat_map(|layer| ConvolutionShape::of_layer(&layer)).map(|conv| {
        let more = formulations.of(&conv).weight_matrices(conv.taps) - conv.taps;
        (more * conv.in_channels * conv.out_channels) as u64
    });
    parameter_bytes(shape) + VALUE_BYTES * added.sum::<u64>()
}

/// Estimates the bytes needed to encode `frames` frames: the encoder's activations plus twice the transferred
/// values (samples up; z, latents and codes down), because one batch is read back while the next is computed.
pub fn encode_bytes(shape: &NetworkShape, formulations: &Formulations, frames: usize) -> u64 {
    let samples = frames.saturating_mul(shape.hop_samples());
    let values_per_frame = shape.latent_dim + shape.codebooks * (shape.codebook_dim + 1);
    let transferred = samples as u64 + values_per_frame as u64 * frames as u64;
    activation_bytes(&shape.encoder(), formulations, samples) + 2 * VALUE_BYTES * transferred
}

/// Estimates the bytes needed to decode `frames` frames from z (which is larger than codes), as
/// [`encode_bytes`].
pub fn decode_bytes(shape: &NetworkShape, formulations: &Formulations, frames: usize) -> u64 {
    let transferred = (shape.latent_dim + shape.hop_samples()) as u64 * frames as u64;
    activation_bytes(&shape.decoder(), formulations, frames) + 2 * VALUE_BYTES * transferred
}

/// Returns the activation bytes of the most demanding layer for one item of `len` input positions: its input,
/// output and temporaries.
fn activation_bytes(layers: &[Layer], formulations: &Formulations, len: usize) -> u64 {
    let convolution = |shape: ConvolutionShape, len: u64| {
        let temporaries = formulations.of(&shape).temporary_values(&shape, len);
        // The input exists twice while zeros are added around it, and once afterwards.
        len * shape.in_channels as u64 + temporaries.max(len * shape.in_channels as u64)
    };
    let (mut positions, mut channels, mut peak_values) = (len as u64, 1, 0);
    for layer in layers {
        let output = layer.output_len(positions as usize) as u64;
        let (values, width) = match layer {
            Layer::Conv(l) => {
                (convolution(ConvolutionShape::of_conv(&l.params), output), l.params.out_channels)
            }
            Layer::ConvTranspose(l) => {
                let values = convolution(ConvolutionShape::of_conv_transpose(&l.params), positions);
                // The output exists twice: as phases, then cropped.
                (values.max(2 * output * l.params.out_channels as u64), l.params.out_channels)
            }
            Layer::Snake(l) => (2 * positions * l.channels as u64, l.channels),
            Layer::ResidualUnit(l) => {
                let convolutions = ConvolutionShape::of_layer(layer).into_iter();
                let values = convolutions.map(|shape| convolution(shape, positions)).max().unwrap_or(0);
                // The unit's input is held for the sum.
                (positions * l.snake1.channels as u64 + values, l.snake1.channels)
            }
            Layer::Tanh { .. } => (2 * positions * channels, channels as usize),
        };
        (positions, channels) = (output, width as u64);
        peak_values = peak_values.max(values);
    }
    VALUE_BYTES * peak_values
}
