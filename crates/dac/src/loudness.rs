//! Loudness of an input before windowed encoding, and the gain that restores it after decoding.
//!
//! The reference's `compress` brings every signal to one loudness ([`WINDOWED_LOUDNESS_DB`]) and stores the
//! original loudness; `decompress` restores it. Both need a first pass that measures and a second one that
//! works, so that memory does not depend on the length.
//!
//! Several channels are measured together and get one gain in both directions. The reference measures the
//! input together too, but limits the peak of each channel, and restores each channel, separately: there, all
//! channels of a decode are equally loud.

use dac_audio::{AudioReader, ChannelMix, LoudnessMeter, MIN_LOUDNESS_DB, ModelRateReader, loudness_gain};
use dac_tokens::TokenFile;

use crate::decode_session::DecodeSession;
use crate::error::Error;
use crate::model::Dac;
use crate::options::DecodeOptions;
use crate::progress::{Progress, report};

/// Loudness of a signal encoded in windows, in dB (LUFS).
pub const WINDOWED_LOUDNESS_DB: f32 = -16.0;

/// Loudness of a signal, mixed and resampled as for encoding, all channels together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputLoudness {
    /// Integrated loudness in dB (LUFS), at least −70.
    pub input_db: f32,
    /// Largest absolute sample of all channels, linear.
    pub peak: f32,
    /// Samples per channel at the model's rate.
    pub model_samples: u64,
}

impl InputLoudness {
    /// Returns the gain that brings the signal to [`WINDOWED_LOUDNESS_DB`], reduced where the peak would
    /// exceed 1.
    pub(crate) fn window_gain(&self) -> f32 {
        let gain = loudness_gain(f64::from(self.input_db), f64::from(WINDOWED_LOUDNESS_DB));
        if gain * self.peak > 1.0 { 1.0 / self.peak } else { gain }
    }

    /// Measures the input; reports 0 finished samples after each block, so that the pass can be cancelled.
    pub(crate) fn measure(
        dac: &Dac,
        mut input: ModelRateReader<'_>,
        progress: &mut dyn Progress,
    ) -> Result<Self, Error> {
        let mut meter = LoudnessMeter::new(dac.shape().sample_rate_hz, input.channels())?;
        while let Some(block) = input.next_block()? {
            meter.push(&block)?;
            report(progress, 0)?;
        }
        if input.input_samples() == 0 {
            return Err(Error::NoSamples { name: input.name().display().to_string() });
        }
        let input_db = meter.integrated_db() as f32;
        Ok(Self { input_db, peak: meter.peak(), model_samples: input.position() })
    }
}

impl Dac {
    /// Measures the loudness of a signal as it would be encoded: what a `.dac` file stores as `input_db`.
    ///
    /// # Errors
    /// When the signal has no samples, or the reader fails.
    pub fn measure_loudness(
        &self,
        reader: AudioReader,
        channels: ChannelMix,
    ) -> Result<InputLoudness, Error> {
        let input = ModelRateReader::new(reader, channels, self.shape().sample_rate_hz)?;
        InputLoudness::measure(self, input, &mut ())
    }

    /// Returns the gain that brings the decoded audio, all channels together, to the loudness recorded in the
    /// tokens. Decodes everything once, in constant memory. Returns 1 when the tokens record no loudness or
    /// an invalid one.
    ///
    /// Measures what the reference measures: all decoded samples at the model's rate, before trimming.
    ///
    /// # Errors
    /// As [`Dac::decode`].
    pub fn loudness_gain(&self, tokens: &TokenFile, codebooks: Option<usize>) -> Result<f32, Error> {
        let Some(input_db) = tokens.meta.input_db.filter(|db| !db.is_nan()) else { return Ok(1.0) };
        let mut untrimmed = tokens.meta.clone();
        untrimmed.input_samples = None;
        let options = DecodeOptions { codebooks, ..DecodeOptions::default() };
        let mut session = DecodeSession::with_meta(self, tokens, &untrimmed, &options)?;
        let mut meter = LoudnessMeter::new(session.rate_hz(), session.channels())?;
        while let Some(block) = session.next_block()? {
            meter.push(&block)?;
        }
        let gain = loudness_gain(meter.integrated_db(), f64::from(input_db).max(MIN_LOUDNESS_DB));
        Ok(if (gain * meter.peak()).is_finite() { gain } else { 1.0 })
    }
}
