//! Loading of a model, and its properties.

use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::thread;

use dac_model::checkpoint::{ConfigJson, sha256_of_bytes, sha256_of_file, sha256_of_reader};
use dac_model::{Checkpoint, Codec, CodecOptions as LoadOptions, LoadReport, Preset, RandomWeights};
use dac_nn::{Device, Geometry, NetworkShape};
use dac_stream::ChunkPlan;
use dac_stream::overlap::OverlapSettings;

use crate::cache::{self, Environment};
use crate::chunking::Chunking;
use crate::error::Error;
use crate::prepared;

/// Source of a model's weights.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelSource {
    /// A preset: the embedded model for `tiny`, otherwise weights found on this machine ([`crate::cache`]).
    Preset(Preset),
    /// A checkpoint in any published layout.
    File(PathBuf),
    /// Random weights in a preset's shape, for speed measurements.
    Random {
        /// Preset that determines the shape.
        preset: Preset,
        /// Seed of the random numbers.
        seed: u64,
    },
}

impl From<&str> for ModelSource {
    /// Takes the name of a preset, or else a path.
    fn from(text: &str) -> Self {
        Preset::from_str(text).map_or_else(|_| Self::File(text.into()), Self::Preset)
    }
}

/// Identity of a loaded model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelInfo {
    /// Name of the preset with the model's shape, or else `custom`; `random` for random weights.
    pub name: String,
    /// SHA-256 of the weights file, in lower-case hexadecimal.
    pub weights_sha256: String,
    /// Path of the weights file, if there is one.
    pub path: Option<PathBuf>,
    /// Report of the load; `None` for random weights.
    pub report: Option<LoadReport>,
    /// Path of the prepared weights ([`crate::prepared`]) that were used.
    pub prepared: Option<PathBuf>,
}

/// A loaded model. Clones share the weights and can be used by several threads at once.
#[derive(Debug, Clone)]
pub struct Dac {
    pub(crate) codec: Arc<Codec>,
    pub(crate) info: Arc<ModelInfo>,
}

impl Dac {
    /// Loads a model onto a device, by the name of a preset or the path of a checkpoint.
    ///
    /// # Errors
    /// As [`Dac::open`].
    pub fn load(model: &str, device: Device) -> Result<Self, Error> {
        Self::open(&model.into(), None, &LoadOptions::on(device))
    }

    /// Loads a checkpoint from a source other than a file, such as memory; errors call it `name`. The source
    /// is read twice, in pieces.
    ///
    /// # Errors
    /// As [`Dac::open`], and [`Error::Read`] when the source cannot be read.
    pub fn from_reader(
        mut reader: impl Read + Seek + Send + 'static,
        name: &Path,
        options: &LoadOptions,
    ) -> Result<Self, Error> {
        let read_error = |source| Error::Read { path: name.to_path_buf(), source };
        let hash = sha256_of_reader(&mut reader).map_err(read_error)?;
        reader.rewind().map_err(read_error)?;
        let mut checkpoint = Checkpoint::from_reader(reader, name, None)?;
        let codec = Codec::load(&checkpoint.shape().clone(), &mut checkpoint, options.clone())?;
        Ok(Self::of_checkpoint(codec, &checkpoint, hash, None))
    }

    /// Loads a model; a checkpoint file must match the preset `expected`, if given.
    ///
    /// # Errors
    /// When the weights are not found, are not a checkpoint of this codec or have another shape, or when the
    /// device is not available.
    pub fn open(
        source: &ModelSource,
        expected: Option<Preset>,
        options: &LoadOptions,
    ) -> Result<Self, Error> {
        match source {
            ModelSource::Preset(Preset::Tiny) => Self::open_tiny(options),
            ModelSource::Preset(preset) => {
                let environment = Environment::from_process();
                let found = cache::find(*preset, &environment);
                let found = found.ok_or_else(|| Error::NoWeights {
                    preset: *preset,
                    searched: cache::searched_folders(&environment),
                })?;
                Self::open_file(&found.path, Some(*preset), options)
            }
            ModelSource::File(path) => Self::open_file(path, expected, options),
            ModelSource::Random { preset, seed } => {
                let seed_text = format!("random weights, {preset}, seed {seed}");
                let info = ModelInfo {
                    name: "random".to_owned(),
                    weights_sha256: sha256_of_bytes(seed_text.as_bytes()),
                    path: None,
                    report: None,
                    prepared: None,
                };
                let mut weights = RandomWeights::new(preset.shape(), *seed);
                let codec = Codec::load(&preset.shape(), &mut weights, options.clone())?;
                Ok(Self { codec: Arc::new(codec), info: Arc::new(info) })
            }
        }
    }

    #[cfg(feature = "tiny")]
    fn open_tiny(options: &LoadOptions) -> Result<Self, Error> {
        let hash = || Ok(dac_model::tiny::sha256());
        Self::load_checkpoint(&mut dac_model::tiny::open()?, None, hash, options)
    }

    #[cfg(not(feature = "tiny"))]
    fn open_tiny(_: &LoadOptions) -> Result<Self, Error> {
        Err(Error::NoTiny)
    }

    fn open_file(path: &Path, expected: Option<Preset>, options: &LoadOptions) -> Result<Self, Error> {
        let read_error = |source| Error::Read { path: path.to_path_buf(), source };
        let mut checkpoint = Checkpoint::open(path, expected)?;
        let (loaded, known_hash) = prepared::load(path, checkpoint.shape(), options);
        if let (Some((codec, prepared)), Some(hash)) = (loaded, &known_hash) {
            let loaded = Self::of_checkpoint(codec, &checkpoint, hash.clone(), Some(path));
            let info = ModelInfo { prepared: Some(prepared), ..loaded.info().clone() };
            return Ok(Self { info: Arc::new(info), ..loaded });
        }
        let hash = || known_hash.map_or_else(|| sha256_of_file(path).map_err(read_error), Ok);
        let loaded = Self::load_checkpoint(&mut checkpoint, Some(path), hash, options)?;
        let hash = &loaded.info.weights_sha256;
        prepared::write_missing(path, &loaded.codec, &mut checkpoint, hash, options);
        Ok(loaded)
    }

    fn load_checkpoint(
        checkpoint: &mut Checkpoint,
        path: Option<&Path>,
        hash: impl FnOnce() -> Result<String, Error> + Send,
        options: &LoadOptions,
    ) -> Result<Self, Error> {
        let shape = checkpoint.shape().clone();
        // Hashing takes as long as reading the file again, so it runs in parallel with loading.
        let (codec, weights_sha256) = thread::scope(|scope| {
            let hash = thread::Builder::new().spawn_scoped(scope, hash);
            let hash = hash.map_err(|source| Error::Thread { source })?;
            let codec = Codec::load(&shape, checkpoint, options.clone())?;
            let hash = hash.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok::<_, Error>((codec, hash))
        })?;
        Ok(Self::of_checkpoint(codec, checkpoint, weights_sha256, path))
    }

    fn of_checkpoint(codec: Codec, from: &Checkpoint, weights_sha256: String, path: Option<&Path>) -> Self {
        let name = Preset::of_shape(from.shape()).map_or_else(|| "custom".to_owned(), |p| p.to_string());
        let (path, report) = (path.map(Path::to_path_buf), Some(from.report().clone()));
        let info = ModelInfo { name, weights_sha256, path, report, prepared: None };
        Self { codec: Arc::new(codec), info: Arc::new(info) }
    }

    /// Shape of the network.
    pub fn shape(&self) -> &NetworkShape {
        self.codec.shape()
    }

    /// Lengths, contexts and latencies of the network.
    pub fn geometry(&self) -> &Geometry {
        self.codec.geometry()
    }

    /// The network on its device, for whole signals in arrays.
    pub fn codec(&self) -> &Arc<Codec> {
        &self.codec
    }

    /// Returns the number of chunks per batch of an encode and of a decode within the device's memory budget.
    ///
    /// # Errors
    /// When the length of a chunk is out of range.
    pub fn batch_windows(&self, chunk: Chunking) -> Result<(usize, usize), Error> {
        let Some(frames) = chunk.exact_frames(self.shape())? else { return Ok((1, 1)) };
        let encode = ChunkPlan::encode_within_budget(&self.codec, frames);
        let decode = ChunkPlan::decode_within_budget(&self.codec, frames);
        Ok((encode.batch_windows(), decode.batch_windows()))
    }

    /// Reads the settings of overlap mode from the `config.json` next to the weights, with defaults for
    /// missing ones.
    ///
    /// # Errors
    /// When the file contains an invalid setting.
    pub fn overlap_settings(&self) -> Result<OverlapSettings, Error> {
        let config = self.info.path.as_deref().map(ConfigJson::next_to).unwrap_or_default().check()?;
        let defaults = OverlapSettings::default();
        Ok(OverlapSettings {
            encoding_chunk_seconds: config.encoding_chunk_seconds.unwrap_or(defaults.encoding_chunk_seconds),
            decoding_chunk_rate: config.decoding_chunk_rate.unwrap_or(defaults.decoding_chunk_rate),
            decoding_overlap_rate: config.decoding_overlap_rate.unwrap_or(defaults.decoding_overlap_rate),
        })
    }

    /// Identity of the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }
}
