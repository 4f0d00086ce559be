//! Decoding tokens as they arrive, whose length is known only at their end.

use dac_audio::{Planar, Resampler};
use dac_rvq::Codes;
use dac_stream::StreamDecoder;
use dac_tokens::TokenMeta;

use crate::decode::{OutputRate, check_channels};
use crate::error::Error;
use crate::lengths::Lengths;
use crate::model::Dac;

/// A decode of a stream of codes: frames in, audio out as soon as the decoder's look-ahead allows, exactly the audio that
/// [`Dac::decode`] gives. Load the model with [`crate::LoadOptions::low_latency`], else the engine collects large blocks.
pub struct LiveDecoder {
    dac: Dac,
    meta: TokenMeta,
    tracks: Vec<StreamDecoder>,
    resampler: Resampler,
    received_frames: u64,
    emitted_samples: u64,
}

impl LiveDecoder {
    /// Begins a decode of `channels` channels whose tokens `meta` describes.
    ///
    /// # Errors
    /// When the tokens are another model's, or the output's rate needs an input rate that is not known.
    pub fn new(dac: &Dac, meta: &TokenMeta, channels: usize, rate: OutputRate) -> Result<Self, Error> {
        dac.check_tokens(meta)?;
        check_channels(channels)?;
        let model_hz = dac.shape().sample_rate_hz;
        let output_hz = match rate {
            OutputRate::Model => model_hz,
            OutputRate::Hz(hz) => hz,
            OutputRate::Input => {
                let needs = Error::Needs { what: "the input's rate", needs: "the rate of the input" };
                meta.input_rate_hz.filter(|hz| *hz > 0).ok_or(needs)?
            }
        };
        Ok(Self {
            dac: dac.clone(),
            meta: meta.clone(),
            tracks: (0..channels).map(|_| StreamDecoder::new(dac.codec.clone(), 1)).collect(),
            resampler: Resampler::new(model_hz, output_hz, channels)?,
            received_frames: 0,
            emitted_samples: 0,
        })
    }

    /// Sample rate of the output in Hz.
    pub fn rate_hz(&self) -> u32 {
        self.resampler.to_hz()
    }

    /// Frames that have to follow a frame before all of its samples can be had.
    pub fn latency_frames(&self) -> usize {
        self.tracks.first().map_or(0, StreamDecoder::latency_frames)
    }

    /// Takes codes `[channels, codebooks, frames]` and gives the samples `[channels][samples]` that are complete.
    ///
    /// # Errors
    /// When the channels differ, a code is out of range, or the device fails.
    pub fn push(&mut self, codes: &Codes) -> Result<Planar, Error> {
        if codes.channels() != self.tracks.len() {
            let (expected, found) = (self.tracks.len().to_string(), codes.channels().to_string());
            return Err(Error::OtherModel { what: "the number of channels", expected, found });
        }
        self.received_frames += codes.frames() as u64;
        let mut block = Planar::new();
        for (channel, decoder) in self.tracks.iter_mut().enumerate() {
            let mut samples = Vec::new();
            decoder.push_codes(&codes.to_rows(channel), codes.codebooks(), &mut samples)?;
            block.push(samples);
        }
        self.emitted_samples += block.first().map_or(0, Vec::len) as u64;
        Ok(self.resampler.push(&block)?)
    }

    /// Ends the signal and gives the rest, so that the whole has the length of the input where it is known
    /// (`input_samples`, at the input's rate), else frames · hop.
    ///
    /// # Errors
    /// When the device fails.
    pub fn finish(mut self, input_samples: Option<u64>) -> Result<Planar, Error> {
        let model_hz = self.dac.shape().sample_rate_hz;
        let decoded = self.received_frames * self.dac.geometry().hop_samples as u64;
        let input = input_samples.zip(self.meta.input_rate_hz);
        let lengths = Lengths::new(input, OutputRate::Hz(self.resampler.to_hz()), model_hz, decoded)?;
        let left = lengths.model_samples.saturating_sub(self.emitted_samples);
        let mut block = Planar::new();
        for decoder in &mut self.tracks {
            let mut samples = Vec::new();
            decoder.flush(&mut samples)?;
            samples.resize(left as usize, 0.0);
            block.push(samples);
        }
        let mut out = self.resampler.push(&block)?;
        // A rest that is already out cannot be taken back; the resampler says so rather than cut in silence.
        self.resampler.set_output_samples(lengths.output_samples)?;
        for (channel, rest) in out.iter_mut().zip(self.resampler.flush()?) {
            channel.extend(rest);
        }
        Ok(out)
    }
}
