//! Encoding of audio in memory, files and readers to tokens.

use std::path::Path;

use dac_audio::{AudioError, AudioInput, AudioReader, AudioSlice, ModelRateReader, check_planar};
use dac_stream::windowed::WindowedPlan;
use dac_tokens::{TokenFile, TokenMeta};

use crate::audio_buffer::{AUDIO_IN_MEMORY, Audio};
use crate::chunking::Chunking;
use crate::error::Error;
use crate::input_warning::input_warning;
use crate::loudness::InputLoudness;
use crate::model::Dac;
use crate::options::EncodeOptions;
use crate::progress::{Progress, report};
use crate::token_encoder::TokenEncoder;

impl Dac {
    /// Encodes audio in memory, mixed and resampled as `options` and the model require.
    ///
    /// # Errors
    /// When there are no samples, the channels differ in length, a value is not finite, or an option does not
    /// fit the model.
    pub fn encode(&self, audio: &Audio, options: &EncodeOptions) -> Result<TokenFile, Error> {
        let channels: Vec<_> = audio.channels.iter().map(Vec::as_slice).collect();
        self.encode_slices(&channels, audio.rate_hz, options, &mut ())
    }

    /// Encodes borrowed samples `[channels][samples]` at `rate_hz`, like [`Dac::encode`].
    ///
    /// # Errors
    /// As [`Dac::encode`], and [`Error::Cancelled`] when `progress` cancels.
    pub fn encode_slices(
        &self,
        channels: &[&[f32]],
        rate_hz: u32,
        options: &EncodeOptions,
        progress: &mut dyn Progress,
    ) -> Result<TokenFile, Error> {
        check_planar(channels, channels.len())?;
        let non_finite = options.non_finite;
        let slice = AudioSlice { name: AUDIO_IN_MEMORY, channels, rate_hz, non_finite };
        let model_hz = self.shape().sample_rate_hz;
        let mut open = || Ok(ModelRateReader::from_memory(slice, options.channels, model_hz)?);
        self.encode_passes(&mut open, options, progress)
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
        let input = AudioInput::new(path, options.read_options(), options.passes())?;
        self.encode_reader(&mut || input.open(), options, progress)
    }

    /// Encodes what the readers returned by `open` contain. [`Chunking::Windowed`] opens the input twice,
    /// other chunkings once ([`AudioInput`] can open a pipe twice); all readers have to give the same
    /// samples. The policy for non-finite values is that of `options`, not of the reader.
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
        let loudness = match options.chunk {
            Chunking::Windowed { seconds } => {
                // Check the options before the first pass.
                WindowedPlan::new(self.shape(), seconds)?;
                self.codec.codebooks(options.codebooks)?;
                Some(InputLoudness::measure(self, open()?, progress)?)
            }
            _ => None,
        };
        let mut input = open()?;
        let mut encoder = TokenEncoder::new(self, input.channels(), options, loudness)?;
        while let Some(block) = input.next_block()? {
            encoder.push(block)?;
            report(progress, input.input_samples())?;
        }
        let mut meta = self.token_meta(input.input_rate_hz());
        meta.input_samples = Some(input.input_samples());
        meta.replaced_samples = Some(input.replaced_samples()).filter(|&count| count > 0);
        meta.damaged_samples = Some(input.damage().samples).filter(|_| input.damage().places > 0);
        meta.input_warning = input_warning(input.warning(), input.mix_loss_db());
        meta.input_truncated = input.is_truncated().then_some(true);
        encoder.finish(meta, &input.name().display().to_string())
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
