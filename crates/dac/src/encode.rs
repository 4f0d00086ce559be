//! Encoding audio in memory, files and readers to tokens.

use std::path::Path;

use dac_audio::{AudioError, AudioReader};
use dac_tokens::{TokenFile, TokenMeta};

use crate::audio_buffer::Audio;
use crate::encode_session::EncodeSession;
use crate::error::Error;
use crate::input::Input;
use crate::loudness::InputLoudness;
use crate::model::Dac;
use crate::options::EncodeOptions;
use crate::progress::{Progress, report};

impl Dac {
    /// Encodes audio in memory, mixed and resampled as `options` and the model require.
    ///
    /// # Errors
    /// When there are no samples, the channels differ in length, a value is not finite, or an option does not
    /// fit the model.
    pub fn encode(&self, audio: &Audio, options: &EncodeOptions) -> Result<TokenFile, Error> {
        audio.check()?;
        self.encode_passes(&mut || Ok(Input::of_audio(audio)), options, &mut ())
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
        let policy = options.non_finite;
        self.encode_passes(&mut || Ok(Input::of_reader(open()?.with_non_finite(policy))), options, progress)
    }

    fn encode_passes<'a>(
        &self,
        open: &mut dyn FnMut() -> Result<Input<'a>, Error>,
        options: &EncodeOptions,
        progress: &mut dyn Progress,
    ) -> Result<TokenFile, Error> {
        let loudness = match options.chunk.window_plan(self.shape())? {
            Some(_) => {
                self.codec.codebooks(options.codebooks)?;
                Some(InputLoudness::measure(self, open()?, options, progress)?)
            }
            None => None,
        };
        let mut input = open()?;
        let mut session = EncodeSession::begin(self, input.rate_hz, input.channels, options, loudness)?;
        while let Some(block) = input.next_block()? {
            session.push(block)?;
            report(progress, input.position())?;
        }
        session.add_reader_findings(input.replaced_samples(), input.is_truncated());
        session.finish(&input.name)
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
