//! Networks of the tests.

use dac_model::{Codec, CodecOptions, Preset, RandomWeights};

/// A preset's network with few channels.
pub(crate) fn narrow(preset: Preset, options: CodecOptions) -> Codec {
    let mut shape = preset.shape();
    shape.encoder_dim = 1;
    shape.decoder_dim = 16;
    shape.latent_dim = 16;
    shape.codebook_size = 64;
    Codec::load(&shape, &mut RandomWeights::new(shape.clone(), 1), options).unwrap()
}
