//! Decoding tokens to audio in memory and to files.

use std::path::Path;

use dac_audio::{AudioWriter, Planar, WriteFormat, WriteReport};
use dac_tokens::{TokenFile, TokenMeta};

use crate::audio_buffer::{Audio, append};
use crate::decode_session::DecodeSession;
use crate::error::Error;
use crate::model::Dac;
use crate::options::DecodeOptions;
use crate::progress::Progress;

impl Dac {
    /// Decodes tokens in memory. The audio is as long as the input where the tokens record its length, else
    /// as long as the frames decode to.
    ///
    /// # Errors
    /// When the tokens are from another model, empty or out of range, or lack what an option needs.
    pub fn decode(&self, tokens: &TokenFile, options: &DecodeOptions) -> Result<Audio, Error> {
        let mut session = DecodeSession::new(self, tokens, options)?;
        let mut channels: Planar = vec![Vec::new(); session.channels()];
        while let Some(block) = session.next_block()? {
            append(&mut channels, block);
        }
        Ok(Audio { channels, rate_hz: session.rate_hz() })
    }

    /// Decodes tokens to an audio file, block by block. A [`SampleFormat`](crate::SampleFormat) as `format`
    /// gives a WAV file. The file appears only when it is complete.
    ///
    /// # Errors
    /// As [`Dac::decode`] and [`DecodeSession::write_to`].
    pub fn decode_to_file(
        &self,
        tokens: &TokenFile,
        path: impl AsRef<Path>,
        format: impl Into<WriteFormat>,
        options: &DecodeOptions,
        progress: &mut dyn Progress,
    ) -> Result<WriteReport, Error> {
        let mut session = DecodeSession::new(self, tokens, options)?;
        let mut writer = AudioWriter::create(path, session.rate_hz(), session.channels(), format)?;
        session.write_to(&mut writer, progress)?;
        Ok(writer.finish()?)
    }

    /// Checks that tokens fit this model. Returns a warning when they fit but were made with other weights.
    ///
    /// # Errors
    /// When sample rate, hop or codebook size differ.
    pub fn check_tokens(&self, meta: &TokenMeta) -> Result<Option<String>, Error> {
        let shape = self.shape();
        let rate_hz = meta.model_rate_hz.map(|hz| hz as usize);
        for (property, expected, found) in [
            ("sample rate in Hz", shape.sample_rate_hz as usize, rate_hz),
            ("hop in samples", shape.hop_samples(), meta.hop_samples),
            ("codebook size", shape.codebook_size, meta.codebook_size),
        ] {
            if let Some(found) = found.filter(|found| *found != expected) {
                let (expected, found) = (expected.to_string(), found.to_string());
                return Err(Error::ModelMismatch { property, expected, found });
            }
        }
        let hash = meta.weights_sha256.as_ref().filter(|hash| **hash != self.info.weights_sha256);
        Ok(hash.map(|hash| {
            let model = meta.model.as_deref().unwrap_or("unnamed");
            let short = |hash: &str| hash.chars().take(12).collect::<String>();
            format!(
                "the tokens were made with weights {} ({model}), the loaded weights are {} ({}); \
                 the audio is only right if both files contain the same weights",
                short(hash),
                short(&self.info.weights_sha256),
                self.info.name
            )
        }))
    }
}
