//! Networks and devices of the tests.

#![allow(dead_code, reason = "not every test uses everything")]

use std::sync::Arc;

use dac_model::{Codec, CodecOptions, Preset, RandomWeights};
use dac_nn::{Device, NetworkShape};

/// Shape of a preset with fewer network channels.
pub(crate) fn narrow(preset: Preset) -> NetworkShape {
    let mut shape = preset.shape();
    shape.encoder_dim = 2;
    shape.decoder_dim = 32;
    shape.latent_dim = 24;
    shape.codebook_size = 256;
    shape
}

/// A network of random weights.
pub(crate) fn codec(shape: &NetworkShape, device: Device) -> Arc<Codec> {
    Arc::new(Codec::load(shape, &mut RandomWeights::new(shape.clone(), 7), CodecOptions::on(device)).unwrap())
}

/// The devices that run on every machine.
pub(crate) fn devices() -> Vec<Device> {
    Device::compiled().into_iter().filter(|d| matches!(d, Device::Cpu | Device::Flex)).collect()
}
