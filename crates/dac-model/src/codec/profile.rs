//! What each layer of the CPU engine takes.

use std::time::Duration;

use dac_kernels::fma_peak;

use super::{Codec, CodecError, Network};

/// A half of the codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Audio to codes.
    Encoder,
    /// Codes to audio.
    Decoder,
}

/// What one layer took for a signal, and what it had to do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerTime {
    /// Where the layer belongs.
    pub part: Part,
    /// Canonical names, joined by ` + ` where the engine does several layers in one; `quantizer` for all of its codebooks.
    pub layer: String,
    /// How its convolution is computed: `F(6,7)`, `direct`, …
    pub method: String,
    /// Wall time.
    pub time: Duration,
    /// Multiply-adds that the method needs, without its transforms; 0 where there are no products.
    pub needed_macs: f64,
}

impl Codec {
    /// Encodes one channel of samples at the model's rate and decodes what comes out, and gives the time of each layer, in
    /// order. `None` where layers are not measured: on a burn device, and without [`super::CodecOptions::timings`].
    ///
    /// # Errors
    /// When there are no samples or the network's output is not finite.
    pub fn profile(&self, samples: &[f32]) -> Result<Option<Vec<LayerTime>>, CodecError> {
        if samples.is_empty() {
            return Err(CodecError::Empty { what: "audio" });
        }
        match &self.network {
            Network::Engine(network) if self.options.timings => {
                let mut signal = samples.to_vec();
                let frames = self.geometry.frames_for_samples(samples.len());
                signal.resize(frames * self.geometry.hop_samples, 0.0);
                network.profile(&self.shape, &signal).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The most floating-point operations a second, a multiply-add counting as two, that one core gives with the CPU
    /// engine's instructions, measured anew; `None` on a burn device.
    pub fn fma_peak_flops(&self) -> Option<f64> {
        self.cpu_level().map(fma_peak)
    }
}
