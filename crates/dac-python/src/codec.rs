//! The loaded codec: encoding of sources and decoding of tokens.

use std::path::PathBuf;

use dac::cache::{self, Environment};
use dac::prepared::Prepared;
use dac::tokens::{TokenFile, TokenMeta};
use dac::{
    Chunking, Dac, DecodeOptions, DecodeSession, Device, EncodeOptions, LoadOptions, ModelSource, Preset,
};
use dac_batch::{CancelToken, ChunkChoice, EncodeSettings};
use numpy::PyReadonlyArray3;
use pyo3::prelude::*;

use crate::arrays::{Codes3, Floats2, Floats3, samples_to_python};
use crate::failure::{Failure, Kind};
use crate::names::parse;
use crate::network::{self, Model};
use crate::settings::{DecodeArgs, EncodeArgs};
use crate::source::{Input, Source, open};
use crate::tasks::{progress, run_items, run_one};
use crate::tokens::{Arrays, TokensOut, meta_from_json, tokens_to_python};

/// Length of a decoded block on the CPU engine, where it changes neither result nor speed: short enough that
/// a decode can be cancelled at once.
const BLOCK_SECONDS: f64 = 0.25;

/// A loaded model.
#[pyclass(frozen, module = "dac_rs._native")]
pub(crate) struct Codec(pub(crate) Model);

/// Where and how to load a model.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct LoadArgs {
    /// Name of a preset, or a path.
    model: Option<String>,
    weights: Option<PathBuf>,
    device: String,
    threads: Option<usize>,
    precision: String,
    low_latency: bool,
    /// Writes missing prepared weights.
    prepare: bool,
}

/// Names of all models.
#[pyfunction]
pub(crate) fn model_names() -> Vec<&'static str> {
    Preset::ALL.map(Preset::name).to_vec()
}

/// Returns the paths of a model's weights on this machine, most preferred first, and the directories
/// searched.
#[pyfunction]
pub(crate) fn find_weights(model: &str) -> PyResult<(Vec<PathBuf>, Vec<PathBuf>)> {
    let environment = Environment::from_process();
    let found = cache::find_all(parse(model)?, &environment);
    Ok((found.into_iter().map(|weights| weights.path).collect(), cache::searched_folders(&environment)))
}

impl LoadArgs {
    /// The source, and the preset that a checkpoint has to match.
    fn source(&self) -> Result<(ModelSource, Option<Preset>), Failure> {
        let preset = self.model.as_deref().map(str::parse::<Preset>);
        let names = Preset::ALL.map(Preset::name).join(", ");
        match (preset, &self.weights) {
            (None, None) => Ok((ModelSource::Preset(Preset::Khz44), Some(Preset::Khz44))),
            (None, Some(path)) => Ok((ModelSource::File(path.clone()), None)),
            (Some(Ok(preset)), None) => Ok((ModelSource::Preset(preset), Some(preset))),
            (Some(Ok(preset)), Some(path)) => Ok((ModelSource::File(path.clone()), Some(preset))),
            (Some(Err(_)), None) => {
                let path = PathBuf::from(self.model.as_deref().unwrap_or_default());
                if path.is_file() {
                    return Ok((ModelSource::File(path), None));
                }
                let path = path.display();
                let expected = format!("expected a file, or one of the models {names}");
                Err(Failure::new(Kind::Weights, format!("no weights at {path}: {expected}")))
            }
            (Some(Err(_)), Some(_)) => {
                let found = self.model.as_deref().unwrap_or_default();
                Err(Failure::usage(format!("model is {found:?}, expected one of {names}")))
            }
        }
    }

    fn options(&self) -> Result<LoadOptions, Failure> {
        let mut options = LoadOptions::on(parse(&self.device)?);
        options.precision = parse(&self.precision)?;
        options.low_latency = self.low_latency;
        let used = if self.prepare { Prepared::ReadOrWrite } else { Prepared::Read };
        options.prepared = Environment::from_process().prepared_folder().map_or(Prepared::Off, used);
        Ok(options)
    }
}

/// Facts about a model, for the properties of the Python class.
#[derive(IntoPyObject)]
pub(crate) struct Facts {
    name: String,
    weights_sha256: String,
    path: Option<PathBuf>,
    prepared: Option<PathBuf>,
    device: String,
    precision: String,
    threads: usize,
    sample_rate: u32,
    hop_length: usize,
    n_codebooks: usize,
    codebook_size: usize,
    codebook_dim: usize,
    latent_dim: usize,
    encoder_dim: usize,
    decoder_dim: usize,
    encoder_rates: Vec<usize>,
    decoder_rates: Vec<usize>,
    encoder_latency_samples: usize,
    decoder_latency_frames: usize,
    low_latency: bool,
}

#[pymethods]
impl Codec {
    /// Loads a model.
    #[staticmethod]
    fn load(py: Python<'_>, args: LoadArgs) -> PyResult<Self> {
        let threads = match args.threads {
            None => dac_batch::default_threads().get(),
            Some(0) => return Err(Failure::usage("threads is 0, expected 1 or more").into()),
            Some(threads) => threads,
        };
        let ((source, expected), options) = (args.source()?, args.options()?);
        let dac = run_one(py, threads, |_| Ok(Dac::open(&source, expected, &options)?))?;
        Ok(Self(Model { dac, threads }))
    }

    /// Facts about the model.
    fn facts(&self) -> Facts {
        let (shape, geometry, info) = (self.0.dac.shape(), self.0.dac.geometry(), self.0.dac.info());
        let options = self.0.dac.codec().options();
        Facts {
            name: info.name.clone(),
            weights_sha256: info.weights_sha256.clone(),
            path: info.path.clone(),
            prepared: info.prepared.clone(),
            device: options.device.to_string(),
            precision: options.precision.to_string(),
            threads: self.0.threads,
            sample_rate: shape.sample_rate_hz,
            hop_length: shape.hop_samples(),
            n_codebooks: shape.codebooks,
            codebook_size: shape.codebook_size,
            codebook_dim: shape.codebook_dim,
            latent_dim: shape.latent_dim,
            encoder_dim: shape.encoder_dim,
            decoder_dim: shape.decoder_dim,
            encoder_rates: shape.encoder_rates.clone(),
            decoder_rates: shape.decoder_rates.clone(),
            encoder_latency_samples: geometry.encoder_right_samples,
            decoder_latency_frames: geometry.decoder_right_frames,
            low_latency: options.low_latency,
        }
    }

    /// Settings of overlap mode in the `config.json` next to the weights, or their defaults: seconds of an
    /// encoded chunk, length of a decoded chunk, overlap.
    fn overlap_settings(&self) -> PyResult<(f64, f64, f64)> {
        let settings = self.0.dac.overlap_settings().map_err(Failure::from)?;
        Ok((settings.encoding_chunk_seconds, settings.decoding_chunk_rate, settings.decoding_overlap_rate))
    }

    /// Encodes sources, several at a time.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        sources: Vec<Source<'py>>,
        is_list: bool,
        args: EncodeArgs,
    ) -> PyResult<Vec<TokensOut<'py>>> {
        let settings = args.settings(self.0.dac.codec().options().precision)?;
        let mut options = self.encode_options(&settings)?;
        args.chunk.adjust(&mut options.chunk);
        let inputs = sources.iter().map(Source::input).collect::<Result<_, _>>()?;
        let tokens = run_items(py, self.0.threads, inputs, is_list, |input, cancel| {
            self.encode_one(&input, &options, cancel)
        })?;
        tokens.into_iter().map(|tokens| tokens_to_python(py, tokens)).collect()
    }

    /// Decodes tokens, several at a time, to samples `[channels, samples]` and their rate.
    fn decode<'py>(
        &self,
        py: Python<'py>,
        tokens: Vec<Arrays<'py>>,
        is_list: bool,
        args: DecodeArgs,
    ) -> PyResult<Vec<(Floats2<'py>, u32)>> {
        let tokens = tokens.iter().map(Arrays::tokens).collect::<Result<Vec<_>, _>>()?;
        let mut settings = args.settings(self.0.dac.codec().options().precision)?;
        if self.0.dac.codec().options().device == Device::Cpu
            && let ChunkChoice::Fixed(Chunking::Exact { chunk_seconds }) = &mut settings.chunking
        {
            *chunk_seconds = BLOCK_SECONDS;
        }
        let decoded = run_items(py, self.0.threads, tokens, is_list, |tokens, cancel| {
            let stored = tokens.codes.as_ref().map(dac::Codes::codebooks);
            let mut options = settings.options_for(&self.0.dac, None, stored)?;
            args.chunk.adjust(&mut options.chunk);
            self.decode_one(&tokens, &options, cancel)
        })?;
        let convert = |(channels, rate_hz)| Ok((samples_to_python(py, channels)?, rate_hz));
        decoded.into_iter().map(convert).collect()
    }

    /// Warning about tokens that were made with other weights; an error if they do not fit the model.
    fn check_tokens(&self, meta: &str) -> PyResult<Option<String>> {
        let meta: TokenMeta = meta_from_json(meta)?;
        Ok(self.0.dac.check_tokens(&meta).map_err(Failure::from)?)
    }

    /// See [`network::encode_batch`].
    fn encode_batch<'py>(
        &self,
        py: Python<'py>,
        audio: PyReadonlyArray3<'py, f32>,
        n_codebooks: Option<usize>,
    ) -> PyResult<(Floats3<'py>, Codes3<'py>, Floats3<'py>)> {
        network::encode_batch(&self.0, py, audio, n_codebooks)
    }

    /// See [`network::decode_batch`].
    fn decode_batch<'py>(&self, py: Python<'py>, z: PyReadonlyArray3<'py, f32>) -> PyResult<Floats3<'py>> {
        network::decode_batch(&self.0, py, z)
    }

    /// See [`network::codes_to_z`].
    fn codes_to_z<'py>(
        &self,
        py: Python<'py>,
        codes: PyReadonlyArray3<'py, u16>,
    ) -> PyResult<(Floats3<'py>, Floats3<'py>)> {
        network::codes_to_z(&self.0, py, codes)
    }

    /// See [`network::latents_to_codes`].
    fn latents_to_codes<'py>(
        &self,
        py: Python<'py>,
        latents: PyReadonlyArray3<'py, f32>,
    ) -> PyResult<Codes3<'py>> {
        network::latents_to_codes(&self.0, py, latents)
    }
}

impl Codec {
    pub(crate) fn encode_options(&self, settings: &EncodeSettings) -> Result<EncodeOptions, Failure> {
        let mut options = settings.options_for(&self.0.dac)?;
        // Only a .dac file needs the loudness, and its writer asks for it.
        options.measure_loudness = settings.format == dac::tokens::Format::Dac;
        Ok(options)
    }

    fn encode_one(
        &self,
        input: &Input<'_>,
        options: &EncodeOptions,
        cancel: &CancelToken,
    ) -> Result<TokenFile, Failure> {
        let mut progress = progress(cancel);
        let read = options.read_options();
        Ok(match input {
            Input::Samples { channels, rate_hz } => {
                self.0.dac.encode_slices(channels, *rate_hz, options, &mut progress)?
            }
            Input::Bytes { bytes, name } => {
                let mut open = || open(name.as_ref(), Some(bytes), read);
                self.0.dac.encode_reader(&mut open, options, &mut progress)?
            }
            Input::Path(path) => {
                self.0.dac.encode_reader(&mut || open(path, None, read), options, &mut progress)?
            }
        })
    }

    fn decode_one(
        &self,
        tokens: &TokenFile,
        options: &DecodeOptions,
        cancel: &CancelToken,
    ) -> Result<(dac::audio::Planar, u32), Failure> {
        let mut session = DecodeSession::new(&self.0.dac, tokens, options)?;
        let capacity = usize::try_from(session.samples()).unwrap_or(0);
        let mut channels = vec![Vec::with_capacity(capacity); session.channels()];
        while let Some(block) = session.next_block()? {
            for (channel, samples) in channels.iter_mut().zip(block) {
                channel.extend(samples);
            }
            if cancel.is_cancelled() {
                return Err(dac::Error::Cancelled.into());
            }
        }
        Ok((channels, session.rate_hz()))
    }
}
