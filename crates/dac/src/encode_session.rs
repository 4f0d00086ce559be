//! An encode that takes audio block by block.

use dac_audio::{ModelRateConverter, Planar, check_planar};
use dac_rvq::Codes;
use dac_tokens::{TokenFile, TokenMeta};

use crate::audio_buffer::AUDIO_IN_MEMORY;
#[cfg(doc)]
use crate::chunking::Chunking;
use crate::error::Error;
use crate::model::Dac;
use crate::options::EncodeOptions;
use crate::token_encoder::{InputFacts, TokenEncoder};

/// An encode in progress: takes blocks of audio and returns tokens at the end.
///
/// Only the saved arrays grow in memory.
pub struct EncodeSession {
    dac: Dac,
    options: EncodeOptions,
    input: InputFacts,
    input_channels: usize,
    converter: ModelRateConverter,
    encoder: TokenEncoder,
}

impl EncodeSession {
    /// Begins an encode of `channels` channels at `rate_hz`.
    ///
    /// # Errors
    /// When the rate cannot be resampled, the model has fewer codebooks, an option is out of range, or the
    /// chunking is [`Chunking::Windowed`], which needs the loudness of the whole input first.
    pub fn new(dac: &Dac, rate_hz: u32, channels: usize, options: &EncodeOptions) -> Result<Self, Error> {
        let model_hz = dac.shape().sample_rate_hz;
        let converter = ModelRateConverter::new(rate_hz, channels, options.channels, model_hz)?;
        let encoder = TokenEncoder::new(dac, converter.channels(), options, None)?;
        let input = InputFacts { rate_hz, samples: 0, replaced_samples: 0, truncated: false };
        let (dac, options) = (dac.clone(), options.clone());
        Ok(Self { dac, options, input, input_channels: channels, converter, encoder })
    }

    /// Takes a block `[channels][samples]` at the input's rate.
    ///
    /// # Errors
    /// When the number of channels differs, the channels differ in length, a value is not finite and is not
    /// replaced, or the device fails.
    pub fn push(&mut self, mut block: Planar) -> Result<(), Error> {
        let samples = check_planar(&block, self.input_channels)?;
        let policy = self.options.non_finite;
        self.input.replaced_samples += policy.apply(&mut block, AUDIO_IN_MEMORY, self.input.samples)?;
        self.input.samples += samples as u64;
        self.encoder.push(self.converter.push(block)?)
    }

    /// Returns the frames of codes that are complete in all channels and not yet taken;
    /// [`EncodeSession::finish`] returns the rest. `None` when there are none, which is always so with
    /// [`Chunking::Whole`].
    ///
    /// # Errors
    /// Never for codes that the model produced.
    pub fn take_codes(&mut self) -> Result<Option<Codes>, Error> {
        self.encoder.take_codes()
    }

    /// Metadata of the tokens that is known before the end: all except the input's length.
    pub fn meta(&self) -> TokenMeta {
        self.dac.token_meta(self.input.rate_hz)
    }

    /// Channels of the tokens.
    pub fn channels(&self) -> usize {
        self.encoder.channels()
    }

    /// Ends the signal and returns its tokens; errors refer to the signal as `name`.
    ///
    /// # Errors
    /// When there was no sample, or the device fails.
    pub fn finish(mut self, name: &str) -> Result<TokenFile, Error> {
        self.encoder.push(self.converter.flush()?)?;
        self.encoder.finish(&self.input, name)
    }
}
