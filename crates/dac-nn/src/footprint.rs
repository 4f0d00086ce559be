//! How much memory a network takes on a device that holds whole activations, from the layer list.

use crate::layer::Layer;
use crate::shape::NetworkShape;

/// Bytes of an f32.
const VALUE_BYTES: u64 = 4;

/// Bytes of all parameters in f32.
pub fn parameter_bytes(shape: &NetworkShape) -> u64 {
    let count = |(_, dims): (_, Vec<usize>)| dims.iter().map(|&d| d as u64).product::<u64>();
    VALUE_BYTES * shape.parameters().into_iter().map(count).sum::<u64>()
}

/// Bytes that encoding `frames` frames takes: the encoder's activations, and twice what goes up and comes down, samples and z, latents and
/// codes, as one batch arrives while the next is worked on.
pub fn encode_bytes(shape: &NetworkShape, frames: usize) -> u64 {
    let samples = frames.saturating_mul(shape.hop_samples());
    let results = shape.latent_dim + shape.codebooks * (shape.codebook_dim + 1);
    let moved = samples as u64 + results as u64 * frames as u64;
    activation_bytes(&shape.encoder(), samples) + 2 * VALUE_BYTES * moved
}

/// Bytes that decoding `frames` frames takes, from z, which is more than codes are: as [`encode_bytes`].
pub fn decode_bytes(shape: &NetworkShape, frames: usize) -> u64 {
    let moved = (shape.latent_dim + shape.hop_samples()) as u64 * frames as u64;
    activation_bytes(&shape.decoder(), frames) + 2 * VALUE_BYTES * moved
}

/// Bytes that the activations of one item of `len` input positions take at the layer that needs most of them: what it reads,
/// what it writes, and what it keeps between.
fn activation_bytes(layers: &[Layer], len: usize) -> u64 {
    let (mut positions, mut channels, mut most) = (len as u64, 1, 0);
    for layer in layers {
        let output = layer.output_len(positions as usize) as u64;
        let (values, width) = match layer {
            Layer::Conv(l) => {
                (positions * l.in_channels as u64 + output * l.out_channels as u64, l.out_channels)
            }
            // The phases, and the same in order without what the padding cuts.
            Layer::ConvTranspose(l) => {
                (positions * l.in_channels as u64 + 2 * output * l.out_channels as u64, l.out_channels)
            }
            Layer::Snake(l) => (2 * positions * l.channels as u64, l.channels),
            // The input waits while two tensors of its size follow one another.
            Layer::ResidualUnit(l) => (3 * positions * l.conv2.out_channels as u64, l.conv2.out_channels),
            Layer::Tanh { .. } => (2 * positions * channels, channels as usize),
        };
        (positions, channels) = (output, width as u64);
        most = most.max(values);
    }
    VALUE_BYTES * most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::tests::full_44khz;

    #[test]
    fn the_widest_layers_are_the_residual_units_at_the_audios_rate() {
        let shape = full_44khz();
        let samples = 100 * 512;
        assert_eq!(activation_bytes(&shape.decoder(), 100), 4 * 3 * 96 * samples);
        assert_eq!(activation_bytes(&shape.encoder(), samples as usize), 4 * 3 * 64 * samples);
        // What goes up and comes down is little beside them.
        assert_eq!(decode_bytes(&shape, 100), 4 * (3 * 96 + 2) * samples + 8 * 1024 * 100);
        assert_eq!(encode_bytes(&shape, 100), 4 * (3 * 64 + 2) * samples + 8 * (1024 + 9 * 9) * 100);
    }

    #[test]
    fn the_full_model_has_the_published_size() {
        // 76.65 million parameters.
        assert_eq!(parameter_bytes(&full_44khz()) / 1_000_000, 306);
    }
}
