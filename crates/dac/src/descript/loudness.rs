//! The loudness that a `.dac` file's codes are brought back to.

use dac_audio::{LoudnessMeter, MIN_LOUDNESS_DB, loudness_gain};
use dac_tokens::TokenFile;

use crate::decode::{DecodeOptions, DecodeSession};
use crate::error::Error;
use crate::model::Dac;

impl Dac {
    /// The one gain that brings what codes decode to, all channels together, to the loudness of the input that they store.
    /// Decodes everything once, in constant memory. 1 when no loudness is stored, or none that is a number.
    ///
    /// The decode is what the reference measures: all samples at the model's rate, before anything is cut.
    ///
    /// # Errors
    /// As [`Dac::decode`].
    pub fn loudness_gain(&self, tokens: &TokenFile, codebooks: Option<usize>) -> Result<f32, Error> {
        let Some(input_db) = tokens.meta.input_db.filter(|db| !db.is_nan()) else { return Ok(1.0) };
        let mut uncut = tokens.meta.clone();
        uncut.input_samples = None;
        let options = DecodeOptions { codebooks, ..DecodeOptions::default() };
        let mut session = DecodeSession::with_meta(self, tokens, &uncut, &options)?;
        let mut meter = LoudnessMeter::new(session.rate_hz(), session.channels())?;
        while let Some(block) = session.next_block()? {
            meter.push(&block)?;
        }
        let gain = loudness_gain(meter.integrated_db(), f64::from(input_db).max(MIN_LOUDNESS_DB));
        Ok(if (gain * meter.peak()).is_finite() { gain } else { 1.0 })
    }
}
