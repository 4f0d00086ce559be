//! An encode that takes audio block by block.

use dac_audio::{ModelRateConverter, NonFinitePolicy, Planar, check_planar};
use dac_rvq::Codes;
use dac_tokens::{TokenFile, TokenMeta};

use crate::audio_buffer::AUDIO_IN_MEMORY;
use crate::error::Error;
use crate::input_warning::input_warning;
use crate::model::Dac;
use crate::options::EncodeOptions;
use crate::token_encoder::TokenEncoder;

/// An encode in progress: takes blocks of audio and returns tokens at the end.
///
/// Only the saved arrays grow in memory.
pub struct EncodeSession {
    /// Metadata without the length of the input.
    meta: TokenMeta,
    non_finite: NonFinitePolicy,
    input_channels: usize,
    input_samples: u64,
    replaced_samples: u64,
    converter: ModelRateConverter,
    encoder: TokenEncoder,
}

impl EncodeSession {
    /// Begins an encode of `channels` channels at `rate_hz`.
    ///
    /// # Errors
    /// When the rate cannot be resampled, the model has fewer codebooks, an option is out of range, or the
    /// chunking is [`Chunking::Windowed`](crate::Chunking::Windowed), which needs the loudness of the whole
    /// input first.
    pub fn new(dac: &Dac, rate_hz: u32, channels: usize, options: &EncodeOptions) -> Result<Self, Error> {
        let model_hz = dac.shape().sample_rate_hz;
        let converter = ModelRateConverter::new(rate_hz, channels, options.channels, model_hz)?;
        let encoder = TokenEncoder::new(dac, converter.channels(), options, None)?;
        Ok(Self {
            meta: dac.token_meta(rate_hz),
            non_finite: options.non_finite,
            input_channels: channels,
            input_samples: 0,
            replaced_samples: 0,
            converter,
            encoder,
        })
    }

    /// Takes a block `[channels][samples]` at the input's rate.
    ///
    /// # Errors
    /// When the number of channels differs, the channels differ in length, a value is not finite and is not
    /// replaced, or the device fails.
    pub fn push(&mut self, mut block: Planar) -> Result<(), Error> {
        let samples = check_planar(&block, self.input_channels)?;
        self.replaced_samples += self.non_finite.apply(&mut block, AUDIO_IN_MEMORY, self.input_samples)?;
        self.input_samples += samples as u64;
        self.encoder.push(self.converter.push(block)?)
    }

    /// Returns the frames of codes that are complete in all channels and not yet taken;
    /// [`EncodeSession::finish`] returns the rest. `None` when there are none, which is always so with
    /// [`Chunking::Whole`](crate::Chunking::Whole).
    ///
    /// # Errors
    /// Never for codes that the model produced.
    pub fn take_codes(&mut self) -> Result<Option<Codes>, Error> {
        self.encoder.take_codes()
    }

    /// Metadata of the tokens that is known before the end: all except the input's length.
    pub fn meta(&self) -> TokenMeta {
        self.meta.clone()
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
        self.meta.input_samples = Some(self.input_samples);
        self.meta.replaced_samples = Some(self.replaced_samples).filter(|&count| count > 0);
        self.meta.input_warning = input_warning(None, self.converter.mix_loss_db());
        self.encoder.finish(self.meta, name)
    }
}
