//! Decoding of codes as they arrive, before their number is known.

use dac_audio::{Planar, Resampler};
use dac_rvq::Codes;
use dac_stream::StreamDecoder;
use dac_tokens::TokenMeta;

use crate::decode_channel::check_channels;
use crate::decode_span::Timing;
use crate::error::Error;
use crate::model::Dac;
use crate::options::OutputRate;

/// A decode that takes codes frame by frame and returns audio as soon as the decoder's look-ahead allows,
/// with the same result as [`Dac::decode`].
///
/// Load the model with [`LoadOptions::low_latency`](crate::LoadOptions::low_latency); otherwise the CPU
/// engine collects large blocks.
pub struct PushDecodeSession {
    dac: Dac,
    meta: TokenMeta,
    decoders: Vec<StreamDecoder>,
    resampler: Resampler,
    received_frames: u64,
    decoded_samples: u64,
}

impl PushDecodeSession {
    /// Begins a decode of `channels` channels of tokens with the metadata `meta`.
    ///
    /// # Errors
    /// When the tokens are from another model, or the output rate needs an input rate that `meta` does not
    /// contain.
    pub fn new(dac: &Dac, meta: &TokenMeta, channels: usize, rate: OutputRate) -> Result<Self, Error> {
        dac.check_tokens(meta)?;
        check_channels(channels)?;
        let model_hz = dac.shape().sample_rate_hz;
        let output_hz = match rate {
            OutputRate::Model => model_hz,
            OutputRate::Hz(hz) => hz,
            OutputRate::Input => {
                let (option, required) = ("the input's rate", "the rate of the input");
                let missing = Error::MissingInTokens { option, required };
                meta.input_rate_hz.filter(|hz| *hz > 0).ok_or(missing)?
            }
        };
        Ok(Self {
            dac: dac.clone(),
            meta: meta.clone(),
            decoders: (0..channels).map(|_| StreamDecoder::new(dac.codec.clone(), 1)).collect(),
            resampler: Resampler::new(model_hz, output_hz, channels)?,
            received_frames: 0,
            decoded_samples: 0,
        })
    }

    /// Sample rate of the output in Hz.
    pub fn rate_hz(&self) -> u32 {
        self.resampler.to_hz()
    }

    /// Number of frames that have to follow a frame before all of its samples are returned.
    pub fn latency_frames(&self) -> usize {
        self.decoders.first().map_or(0, StreamDecoder::latency_frames)
    }

    /// Takes codes `[channels, codebooks, frames]` and returns the samples `[channels][samples]` that are
    /// complete.
    ///
    /// # Errors
    /// When the number of channels differs, a code is out of range, or the device fails.
    pub fn push(&mut self, codes: &Codes) -> Result<Planar, Error> {
        if codes.channels() != self.decoders.len() {
            let (expected, found) = (self.decoders.len().to_string(), codes.channels().to_string());
            return Err(Error::ModelMismatch { property: "number of channels", expected, found });
        }
        self.received_frames += codes.frames() as u64;
        let mut block = Planar::new();
        for (channel, decoder) in self.decoders.iter_mut().enumerate() {
            let mut samples = Vec::new();
            decoder.push_codes(&codes.to_rows(channel), codes.codebooks(), &mut samples)?;
            block.push(samples);
        }
        self.decoded_samples += block.first().map_or(0, Vec::len) as u64;
        Ok(self.resampler.push(&block)?)
    }

    /// Ends the signal and returns its remaining samples. The whole output is as long as the input,
    /// `input_samples` at the input's rate, or, if that is `None`, frames · hop samples of the model.
    ///
    /// # Errors
    /// When the device fails, or more samples were returned than the input has.
    pub fn finish(mut self, input_samples: Option<u64>) -> Result<Planar, Error> {
        let model_hz = self.dac.shape().sample_rate_hz;
        let decoded = self.received_frames * self.dac.geometry().hop_samples as u64;
        let input = input_samples.zip(self.meta.input_rate_hz);
        let timing = Timing::new(input, OutputRate::Hz(self.resampler.to_hz()), model_hz, decoded)?;
        let remaining = timing.model_samples.saturating_sub(self.decoded_samples);
        let mut block = Planar::new();
        for decoder in &mut self.decoders {
            let mut samples = Vec::new();
            decoder.flush(&mut samples)?;
            samples.resize(remaining as usize, 0.0);
            block.push(samples);
        }
        let mut out = self.resampler.push(&block)?;
        // Fails if more samples than these were already returned.
        self.resampler.set_output_samples(timing.output_samples)?;
        self.resampler.flush_into(&mut out)?;
        Ok(out)
    }
}
