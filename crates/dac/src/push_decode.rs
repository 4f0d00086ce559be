//! Decoding of codes as they arrive, before their number is known.

use dac_audio::{Planar, Resampler};
use dac_model::CodecError;
use dac_rvq::Codes;
use dac_stream::StreamDecoder;
use dac_tokens::TokenMeta;

use crate::decode_channel::{check_channels, check_codebooks, without_tail};
use crate::decode_span::Timing;
use crate::error::Error;
use crate::model::Dac;
use crate::options::OutputRate;

/// A decode that takes codes frame by frame and returns audio as soon as the decoder's look-ahead allows,
/// with the same result as [`Dac::decode`]: within 3e-4 on a scale of −1 to 1, since low latency takes
/// other tiles with other rounding errors, and equal with [`Precision::Exact`](crate::Precision).
///
/// Load the model with [`LoadOptions::low_latency`](crate::LoadOptions::low_latency); otherwise the CPU
/// engine collects large blocks.
pub struct PushDecodeSession {
    dac: Dac,
    meta: TokenMeta,
    decoders: Vec<StreamDecoder>,
    resampler: Resampler,
    /// Latency of the decoders without a ramp.
    look_ahead_frames: usize,
    tail_frames: usize,
    /// Frames received but not decoded, because they may belong to the tail; `None` if there are none.
    held: Option<Codes>,
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
        let decoders: Vec<_> = (0..channels).map(|_| StreamDecoder::new(dac.codec.clone(), 1)).collect();
        Ok(Self {
            dac: dac.clone(),
            meta: meta.clone(),
            look_ahead_frames: decoders.first().map_or(0, StreamDecoder::latency_frames),
            decoders,
            resampler: Resampler::new(model_hz, output_hz, channels)?,
            tail_frames: 0,
            held: None,
            received_frames: 0,
            decoded_samples: 0,
        })
    }

    /// Sets the number of frames at the end that are decoded only as context of the earlier ones, see
    /// [`DecodeOptions::tail_frames`](crate::DecodeOptions::tail_frames). Frames beyond the decoder's
    /// look-ahead delay the output.
    #[must_use]
    pub fn with_tail_frames(mut self, tail_frames: usize) -> Self {
        self.tail_frames = tail_frames;
        self
    }

    /// Makes the session return the first samples as early as the network allows, then decode larger and
    /// larger blocks, up to `max_block_frames` (see [`StreamDecoder::with_ramp`]). 8 suits a text-to-speech
    /// model that generates at 1.5 times the speed of playback or faster.
    #[must_use]
    pub fn with_ramp(mut self, max_block_frames: usize) -> Self {
        self.decoders = self.decoders.into_iter().map(|d| d.with_ramp(max_block_frames)).collect();
        self
    }

    /// Sample rate of the output in Hz.
    pub fn rate_hz(&self) -> u32 {
        self.resampler.to_hz()
    }

    /// Number of frames that have to follow a frame before all of its samples are returned.
    pub fn latency_frames(&self) -> usize {
        self.decoder_latency_frames().saturating_add(self.held_frames())
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
        check_codebooks(&self.dac, codes.codebooks())?;
        self.received_frames += codes.frames() as u64;
        let codes = &self.release(codes)?;
        let mut block = Planar::new();
        for (channel, decoder) in self.decoders.iter_mut().enumerate() {
            let mut samples = Vec::new();
            decoder.push_codes(&codes.to_rows(channel), codes.codebooks(), &mut samples)?;
            block.push(samples);
        }
        self.decoded_samples += block.first().map_or(0, Vec::len) as u64;
        Ok(self.resampler.push(&block)?)
    }

    fn decoder_latency_frames(&self) -> usize {
        self.decoders.first().map_or(0, StreamDecoder::latency_frames)
    }

    /// Number of frames to hold back, so that no audio of the tail is returned: the decoder returns less than
    /// a frame beyond those that its latency allows.
    fn held_frames(&self) -> usize {
        let look_ahead = self.look_ahead_frames;
        if self.tail_frames == 0 { 0 } else { self.tail_frames.saturating_add(1).saturating_sub(look_ahead) }
    }

    /// Adds frames to those held back and returns the ones to decode now.
    fn release(&mut self, codes: &Codes) -> Result<Codes, Error> {
        let hold = self.held_frames();
        if hold == 0 {
            return Ok(codes.clone());
        }
        let parts: Vec<_> = self.held.take().into_iter().chain([codes.clone()]).collect();
        let all = Codes::concat_frames(&parts).map_err(CodecError::from)?;
        let released = all.frames().saturating_sub(hold);
        self.held = Some(all.slice_frames(released..all.frames()));
        Ok(all.slice_frames(0..released))
    }

    /// Ends the signal and returns its remaining samples. The whole output is as long as the input,
    /// `input_samples` at the input's rate, or, if that is `None`, frames · hop samples of the model; without
    /// the tail frames.
    ///
    /// # Errors
    /// When there was no frame, or none before the tail, the device fails, or more samples were returned than
    /// the input has.
    pub fn finish(mut self, input_samples: Option<u64>) -> Result<Planar, Error> {
        let model_hz = self.dac.shape().sample_rate_hz;
        let frames = usize::try_from(self.received_frames).unwrap_or(usize::MAX);
        if frames == 0 {
            return Err(CodecError::Empty { what: "codes" }.into());
        }
        let decoded = without_tail(frames, self.tail_frames)? as u64 * self.dac.geometry().hop_samples as u64;
        let input = input_samples.zip(self.meta.input_rate_hz);
        let timing = Timing::new(input, OutputRate::Hz(self.resampler.to_hz()), model_hz, decoded)?;
        let remaining = timing.model_samples.saturating_sub(self.decoded_samples);
        let mut block = Planar::new();
        for (channel, decoder) in self.decoders.iter_mut().enumerate() {
            let mut samples = Vec::new();
            if let Some(held) = &self.held {
                decoder.push_codes(&held.to_rows(channel), held.codebooks(), &mut samples)?;
            }
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
