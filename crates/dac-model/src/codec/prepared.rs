//! Prepared weights: the CPU engine's packed weights in a file that is mapped into memory.
//!
//! A file belongs to one [`PreparedKey`]. It consists of a header (magic, length and checksum, then JSON with
//! the key and the length and CRC-32 of each section) and the sections, each on a cache line: the quantizer's
//! parameters as in a checkpoint, then the packed weights of the encoder and of the decoder. Values are in
//! the byte order of the machine.
//!
//! [`PreparedWeights::open`] checks everything, including the checksums of all values. A file is written
//! under a temporary name and renamed, and only with finite values.

mod header;
mod mapping;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dac_atomic::AtomicFile;
use dac_kernels::{PACKED_LAYOUT, PackedSections, SharedValues, first_non_finite};
use dac_nn::pipeline::PipelineError;
use dac_nn::{NetworkShape, WeightError, Weights};
use dac_rvq::QuantizerWeights;
use thiserror::Error;

use super::quantizer::load_quantizer;
use super::{BLOCK_FRAMES, Codec, CodecError, CodecOptions, Part};
use header::{Header, Section, padded};
use mapping::Mapping;

/// Use of a directory of prepared weights at load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prepared {
    /// Packs the weights at each load.
    #[default]
    Off,
    /// Uses the files in this directory; packs the weights if their file is missing.
    Read(PathBuf),
    /// As `Read`, and writes a missing file after packing. Failures to write are ignored.
    ReadOrWrite(PathBuf),
}

impl Prepared {
    /// Returns the directory.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::Read(folder) | Self::ReadOrWrite(folder) => Some(folder),
        }
    }
}

/// An error of prepared weights.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PreparedError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The file is damaged, or another kind of file.
    #[error("{}: found {found}, expected prepared weights", path.display())]
    Invalid {
        /// Path of the file.
        path: PathBuf,
        /// What was found.
        found: &'static str,
    },
    /// The file was prepared for other weights or options, or by another version of the program.
    #[error("{}: prepared for {found}, expected {expected}", path.display())]
    OtherKey {
        /// Path of the file.
        path: PathBuf,
        /// Key in the file.
        found: String,
        /// Key of the codec.
        expected: String,
    },
    /// A packed value is NaN or infinite.
    #[error("the packed weights are not finite: section {section} contains {value} at {position}")]
    NonFinite {
        /// Index of the section.
        section: usize,
        /// Index of the value.
        position: usize,
        /// NaN or infinity.
        value: f32,
    },
    /// The file has fewer codebooks than the network.
    #[error("the prepared weights have too few codebooks")]
    TooFewCodebooks,
    /// The codec runs on a burn device.
    #[error("only the cpu engine uses prepared weights")]
    NotEngine,
    /// A parameter of the quantizer cannot be read.
    #[error(transparent)]
    Weight(#[from] WeightError),
    /// The codec cannot be built from the file.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// What determines the content of a file: weights, shape, instruction set, precision, schedule and the
/// version of the layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedKey {
    text: String,
    file_name: String,
}

impl PreparedKey {
    /// Returns the key of weights with this SHA-256 (lower-case hexadecimal) for a codec with these options.
    ///
    /// # Errors
    /// When the environment selects an instruction set that this processor does not have.
    pub fn new(
        weights_sha256: &str,
        shape: &NetworkShape,
        options: &CodecOptions,
    ) -> Result<Self, CodecError> {
        let isa = options.isa()?;
        let precision = options.precision;
        let schedule = if options.low_latency { "low-latency" } else { "throughput" };
        let endian = if cfg!(target_endian = "little") { "little" } else { "big" };
        let text = format!(
            "weights {weights_sha256}, {isa}, {precision}, {schedule}, \
             layout {PACKED_LAYOUT}.{BLOCK_FRAMES}, {endian} endian, {shape:?}"
        );
        let weights = weights_sha256.get(..16).unwrap_or(weights_sha256);
        let file_name = format!("{weights}-{isa}-{precision}-{schedule}.packed");
        Ok(Self { text, file_name })
    }

    /// Returns the name of the file. A file of another layout version has the same name and is replaced.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }
}

impl fmt::Display for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An open file of prepared weights.
#[derive(Debug)]
pub struct PreparedWeights {
    mapping: Arc<Mapping>,
    header: Header,
    places: Vec<Range<usize>>,
}

impl PreparedWeights {
    /// Maps a file into memory and checks its key and all checksums.
    ///
    /// # Errors
    /// When the file is missing, damaged, or has another key.
    pub fn open(path: &Path, key: &PreparedKey) -> Result<Self, PreparedError> {
        let opened = Self::check(path)?;
        if opened.header.key != key.text {
            return Err(PreparedError::OtherKey {
                path: path.to_path_buf(),
                found: opened.header.key,
                expected: key.text.clone(),
            });
        }
        Ok(opened)
    }

    /// Maps a file with any key into memory and checks all checksums.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn check(path: &Path) -> Result<Self, PreparedError> {
        let io_error = |source| PreparedError::Io { path: path.to_path_buf(), source };
        let invalid = |found| PreparedError::Invalid { path: path.to_path_buf(), found };
        let file = File::open(path).map_err(io_error)?;
        if !file.metadata().map_err(io_error)?.is_file() {
            return Err(invalid("a directory or a device"));
        }
        let mapping = Mapping::of(&file).map_err(io_error)?;
        let layout = Header::read(mapping.bytes()).map_err(invalid)?;
        let values: &[f32] = mapping.as_ref();
        for (section, place) in layout.header.sections().zip(&layout.places) {
            if Section::of(&values[place.clone()]) != *section {
                return Err(invalid("a damaged file: the checksum of a section is wrong"));
            }
        }
        Ok(Self { mapping: Arc::new(mapping), header: layout.header, places: layout.places })
    }

    /// Writes the packed weights of `codec`, whose parameters came from `weights`, and returns the number of
    /// bytes. The file appears whole or not at all; it replaces an existing one. Creates missing directories.
    ///
    /// # Errors
    /// When the codec is not on the CPU engine, a value is not finite, or the file cannot be written.
    pub fn write(
        path: &Path,
        key: &PreparedKey,
        codec: &Codec,
        weights: &mut dyn Weights,
    ) -> Result<u64, PreparedError> {
        let quantizer = load_quantizer(codec.shape(), weights)?;
        let quantizer: Vec<&[f32]> = quantizer.iter().flat_map(arrays).collect();
        let packed = |part| codec.packed(part).ok_or(PreparedError::NotEngine);
        let (encoder, decoder) = (packed(Part::Encoder)?, packed(Part::Decoder)?);
        for (section, packed) in encoder.iter().chain(decoder).enumerate() {
            if let Some(position) = packed.first_non_finite() {
                let value = packed.words().get(position).copied().unwrap_or(f32::NAN);
                return Err(PreparedError::NonFinite { section, position, value });
            }
        }
        debug_assert!(quantizer.iter().all(|values| first_non_finite(values).is_none()), "checked at load");
        let header = Header {
            key: key.text.clone(),
            quantizer: quantizer.iter().map(|values| Section::of(values)).collect(),
            encoder: encoder.iter().map(|section| Section::of(section.words())).collect(),
            decoder: decoder.iter().map(|section| Section::of(section.words())).collect(),
        };
        let packed = encoder.iter().chain(decoder).map(|section| section.words());
        let write = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut file = AtomicFile::create(path)?;
            let header = header.to_bytes()?;
            file.write_all(&header)?;
            let mut bytes = header.len();
            for values in quantizer.iter().copied().chain(packed) {
                file.write_all(bytemuck::cast_slice(values))?;
                let padding = vec![0.0_f32; padded(values.len()) - values.len()];
                file.write_all(bytemuck::cast_slice(&padding))?;
                bytes += size_of_val(values) + size_of_val(padding.as_slice());
            }
            file.commit()?;
            Ok(bytes as u64)
        };
        write().map_err(|source| PreparedError::Io { path: path.to_path_buf(), source })
    }

    /// Returns the key that the file was prepared for.
    pub fn key(&self) -> &str {
        &self.header.key
    }

    /// Returns the size of the file in bytes.
    pub fn bytes(&self) -> usize {
        self.mapping.bytes().len()
    }

    /// Copies the quantizer's parameters.
    pub(super) fn quantizer(&self, shape: &NetworkShape) -> Result<Vec<QuantizerWeights>, PreparedError> {
        let values: &[f32] = (*self.mapping).as_ref();
        let mut places = self.places.iter().take(self.header.quantizer.len());
        let mut next = || places.next().map(|place| values[place.clone()].to_vec());
        let stages = (0..shape.codebooks).map(|_| {
            Some(QuantizerWeights {
                in_proj_weight: next()?,
                in_proj_bias: next()?,
                out_proj_weight: next()?,
                out_proj_bias: next()?,
                codebook: next()?,
                latent: shape.latent_dim,
                dim: shape.codebook_dim,
                size: shape.codebook_size,
            })
        });
        let stages: Option<Vec<_>> = stages.collect();
        stages.ok_or(PreparedError::TooFewCodebooks)
    }

    /// Returns the packed weights of the encoder or the decoder.
    pub(super) fn sections(&self, part: Part) -> Result<PackedSections, CodecError> {
        let encoder = self.header.quantizer.len();
        let decoder = encoder + self.header.encoder.len();
        let places = match part {
            Part::Encoder => &self.places[encoder..decoder],
            Part::Decoder => &self.places[decoder..],
        };
        let memory: SharedValues = self.mapping.clone();
        Ok(PackedSections::new(memory, places.to_vec()).map_err(PipelineError::from)?)
    }
}

/// The parameters of a codebook in the order of the file.
fn arrays(stage: &QuantizerWeights) -> [&[f32]; 5] {
    [
        &stage.in_proj_weight,
        &stage.in_proj_bias,
        &stage.out_proj_weight,
        &stage.out_proj_bias,
        &stage.codebook,
    ]
}
