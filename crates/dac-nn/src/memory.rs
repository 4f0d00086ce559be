//! Memory estimates for devices that hold whole activations, derived from the layer list.

use crate::layer::{Conv, ConvTranspose, Layer, Parameter};
use crate::shape::NetworkShape;

/// Size of an f32.
const VALUE_BYTES: u64 = 4;

/// Returns the bytes of all parameters in f32.
pub fn parameter_bytes(shape: &NetworkShape) -> u64 {
    let count = |(_, dims): Parameter| dims.iter().map(|&d| d as u64).product::<u64>();
    VALUE_BYTES * shape.parameters().into_iter().map(count).sum::<u64>()
}

/// Estimates the bytes needed to encode `frames` frames: the encoder's activations plus twice the transferred
/// values (samples up; z, latents and codes down), because one batch is read back while the next is computed.
pub fn encode_bytes(shape: &NetworkShape, frames: usize) -> u64 {
    let samples = frames.saturating_mul(shape.hop_samples());
    let values_per_frame = shape.latent_dim + shape.codebooks * (shape.codebook_dim + 1);
    let transferred = samples as u64 + values_per_frame as u64 * frames as u64;
    activation_bytes(&shape.encoder(), samples) + 2 * VALUE_BYTES * transferred
}

/// Estimates the bytes needed to decode `frames` frames from z (which is larger than codes), as
/// [`encode_bytes`].
pub fn decode_bytes(shape: &NetworkShape, frames: usize) -> u64 {
    let transferred = (shape.latent_dim + shape.hop_samples()) as u64 * frames as u64;
    activation_bytes(&shape.decoder(), frames) + 2 * VALUE_BYTES * transferred
}

/// Returns the activation bytes of the most demanding layer for one item of `len` input positions: its input,
/// output and temporaries.
fn activation_bytes(layers: &[Layer], len: usize) -> u64 {
    let (mut positions, mut channels, mut peak_values) = (len as u64, 1, 0);
    for layer in layers {
        let output = layer.output_len(positions as usize) as u64;
        let (values, width) = match layer {
            Layer::Conv(Conv { params: p, .. }) => {
                (positions * p.in_channels as u64 + output * p.out_channels as u64, p.out_channels)
            }
            // The output exists twice: as phases, then reordered and cropped.
            Layer::ConvTranspose(ConvTranspose { params: p, .. }) => {
                (positions * p.in_channels as u64 + 2 * output * p.out_channels as u64, p.out_channels)
            }
            Layer::Snake(l) => (2 * positions * l.channels as u64, l.channels),
            // The input is held while two temporaries of its size exist.
            Layer::ResidualUnit(l) => (3 * positions * l.snake1.channels as u64, l.snake1.channels),
            Layer::Tanh { .. } => (2 * positions * channels, channels as usize),
        };
        (positions, channels) = (output, width as u64);
        peak_values = peak_values.max(values);
    }
    VALUE_BYTES * peak_values
}
