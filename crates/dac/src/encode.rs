//! Encoding of audio in memory, files and readers to tokens.

use std::path::Path;

use dac_audio::{AudioError, AudioReader, AudioSlice, ModelRateReader};
use dac_tokens::{TokenFile, TokenMeta};

use crate::audio_buffer::{AUDIO_IN_MEMORY, Audio};
#[cfg(doc)]
use crate::chunking::Chunking;
use crate::error::Error;
use crate::loudness::InputLoudness;
use crate::model::Dac;
use crate::options::EncodeOptions;
use crate::progress::{Progress, report};
use crate::token_encoder::{InputFacts, TokenEncoder};

impl Dac {
    /// Encodes audio in memory, mixed and resampled as `options` and the model require.
    ///
    /// # Errors
    /// When there are no samples, the channels differ in length, a value is not finite, or an option does not
    /// fit the model.
    pub fn encode(&self, audio: &Audio, options: &EncodeOptions) -> Result<TokenFile, Error> {
        audio.check()?;
        let slice = AudioSlice {
            name: AUDIO_IN_MEMORY,
            channels: &audio.channels,
            rate_hz: audio.rate_hz,
            non_finite: options.non_finite,
        };
        let model_hz = self.shape().sample_rate_hz;
        let mut open = || Ok(ModelRateReader::from_memory(slice, options.channels, model_hz)?);
        self.encode_passes(&mut open, options, &mut ())
    }

    /// Encodes an audio file block by block.
    ///
    /// # Errors
    /// When the file is not audio, has no samples, or contains a value that is not finite; as
    /// [`Dac::encode`]; and [`Error::Cancelled`] when `progress` cancels.
    pub fn encode_file(
        &self,
        path: impl AsRef<Path>,
        options: &EncodeOptions,
        progress: &mut dyn Progress,
    ) -> Result<TokenFile, Error> {
        let path = path.as_ref();
        self.encode_reader(&mut || AudioReader::open(path), options, progress)
    }

    /// Encodes what the readers returned by `open` contain. [`Chunking::Windowed`] opens the input twice,
    /// other chunkings once; all readers have to give the same samples. The policy for non-finite values is
    /// that of `options`, not of the reader.
    ///
    /// # Errors
    /// As [`Dac::encode_file`].
    pub fn encode_reader(
        &self,
        open: &mut dyn FnMut() -> Result<AudioReader, AudioError>,
        options: &EncodeOptions,
        progress: &mut dyn Progress,
    ) -> Result<TokenFile, Error> {
        let model_hz = self.shape().sample_rate_hz;
        let mut open = || {
            let reader = open()?.with_non_finite(options.non_finite);
            Ok(ModelRateReader::new(reader, options.channels, model_hz)?)
        };
        self.encode_passes(&mut open, options, progress)
    }

    /// Encodes the input that `open` opens, after a first pass over it where the loudness is needed before.
    fn encode_passes<'a>(
        &self,
        open: &mut dyn FnMut() -> Result<ModelRateReader<'a>, Error>,
        options: &EncodeOptions,
        progress: &mut dyn Progress,
    ) -> Result<TokenFile, Error> {
        let loudness = match options.chunk.window_plan(self.shape())? {
            Some(_) => {
                self.codec.codebooks(options.codebooks)?;
                Some(InputLoudness::measure(self, open()?, progress)?)
            }
            None => None,
        };
        let mut input = open()?;
        let mut encoder = TokenEncoder::new(self, input.channels(), options, loudness)?;
        while let Some(block) = input.next_block()? {
            encoder.push(block)?;
            report(progress, input.input_samples())?;
        }
        let facts = InputFacts {
            rate_hz: input.input_rate_hz(),
            samples: input.input_samples(),
            replaced_samples: input.replaced_samples(),
            truncated: input.is_truncated(),
        };
        encoder.finish(&facts, &input.name().display().to_string())
    }

    /// Fills in the metadata that follows from the model and the input's rate.
    pub(crate) fn token_meta(&self, input_rate_hz: u32) -> TokenMeta {
        let mut meta = TokenMeta::default();
        meta.model = Some(self.info.name.clone());
        meta.weights_sha256 = Some(self.info.weights_sha256.clone());
        meta.model_rate_hz = Some(self.shape().sample_rate_hz);
        meta.input_rate_hz = Some(input_rate_hz);
        meta.codebook_size = Some(self.shape().codebook_size);
        meta.hop_samples = Some(self.shape().hop_samples());
        meta
    }
}
