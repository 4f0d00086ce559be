//! Errors of loading a checkpoint.

use std::fmt;
use std::path::PathBuf;

use dac_pickle::safetensors::SafetensorsError;
use dac_pickle::torch::TorchError;
use dac_sniff::Guess;
use thiserror::Error;

use crate::preset::Preset;

/// A checkpoint that could not be loaded.
#[derive(Debug, Error)]
#[error("{}: {reason}", path.display())]
pub struct CheckpointError {
    /// Path of the checkpoint; `<embedded>` for the weights in the library.
    pub path: PathBuf,
    /// Cause.
    #[source]
    pub reason: Reason,
}

/// The reason why a checkpoint could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Reason {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    /// The path is a directory.
    #[error("is a directory, expected a checkpoint file (weights.pth or model.safetensors){hint}")]
    Directory {
        /// What to give instead, or nothing.
        hint: String,
    },
    /// The file is of another kind.
    #[error("not a checkpoint (expected a safetensors or torch file): it is {0}")]
    Foreign(Guess),
    /// The file is too short for any checkpoint.
    #[error(
        "has only {bytes} bytes, too few for a safetensors or torch file; it was not downloaded or copied \
         completely: download or copy it again"
    )]
    TooShort {
        /// Length of the file.
        bytes: usize,
    },
    /// The file is not a valid torch file.
    #[error("not a readable checkpoint: {}", join_causes(.0))]
    Torch(TorchError),
    /// The file is not a valid safetensors file.
    #[error("not a valid safetensors file: {0}")]
    Safetensors(SafetensorsError),
    /// A tensor's elements are not floats.
    #[error(
        "tensor {key} has elements of type {found}, expected f64, f32, f16 or bf16; quantized weights \
         cannot be read: use the original checkpoint, or convert it back to floats"
    )]
    DType {
        /// Name of the tensor.
        key: String,
        /// Element type found.
        found: String,
    },
    /// A tensor's values could not be converted to f32.
    #[error("{0}")]
    Convert(String),
    /// A tensor contains a value that is not finite.
    #[error(
        "tensor {key} contains {value} at {index:?}, expected finite numbers: the file is damaged or its \
         training diverged; download it again or use another checkpoint"
    )]
    NonFinite {
        /// Name of the tensor.
        key: String,
        /// Position on each axis.
        index: Vec<usize>,
        /// NaN or infinity.
        value: f32,
    },
    /// A row of a weight-normalised weight has no direction.
    #[error(
        "tensor {key} has norm {norm} in row {row}, by which weight norm divides, expected a finite number \
         above 0: the file is damaged or its training diverged; download it again or use another checkpoint"
    )]
    ZeroRow {
        /// Name of the tensor that contains the directions.
        key: String,
        /// Index of the first such row.
        row: usize,
        /// Its norm.
        norm: f32,
    },
    /// The file contains no state dict of tensors.
    #[error("contains no state dict of tensors: {0}")]
    NoTensors(String),
    /// A key that was listed is missing. Not expected.
    #[error("the tensor {0} is missing")]
    MissingTensor(String),
    /// The file is one of several that contain the tensors.
    #[error("is part {part} of {parts} of a checkpoint, and cannot be read alone; {}", dac_sniff::JOIN_PARTS)]
    Part {
        /// Number of the part, from 1.
        part: u32,
        /// Number of parts.
        parts: u32,
    },
    /// The encoder, the quantizer or the decoder is missing.
    #[error(
        "no {} in this file, only {}; a checkpoint of the complete codec is needed (encoder, quantizer and \
         decoder)",
        missing.join(" and no "), found.join(" and ")
    )]
    MissingParts {
        /// Missing parts.
        missing: Vec<&'static str>,
        /// Parts of the file.
        found: Vec<&'static str>,
    },
    /// The tensors have the names of another layout or model.
    #[error(
        "its tensors are named as in {layout} ({example}), which cannot be read; expected the names of \
         descript-audio-codec or of the transformers library's DacModel: use a checkpoint of that form"
    )]
    OtherLayout {
        /// Name of the layout or model.
        layout: &'static str,
        /// Name of a tensor.
        example: String,
    },
    /// Two places record different values of one fact.
    #[error(
        "two sources disagree about the {property}: {first}, but {second}; they belong to different models: \
         correct or remove the wrong one"
    )]
    Conflict {
        /// The fact.
        property: &'static str,
        /// Value and place.
        first: String,
        /// The other value and place.
        second: String,
    },
    /// A recorded value is out of range.
    #[error("{place} is {found}, expected {expected}")]
    InvalidFact {
        /// Name and file of the value.
        place: String,
        /// The value.
        found: String,
        /// Valid values.
        expected: String,
    },
    /// No tensor has a name of this codec.
    #[error(
        "not a DAC checkpoint: none of its {tensors} tensors has a name of the codec (one of them is \
         {example}); expected the names of descript-audio-codec or of the transformers library's DacModel"
    )]
    NotDac {
        /// Number of tensors.
        tensors: usize,
        /// Name of one of them.
        example: String,
    },
    /// Parameters are missing, unused or have the wrong shape.
    #[error("{0}")]
    Mismatch(Mismatch),
    /// The network's shape is invalid.
    #[error(transparent)]
    Shape(#[from] dac_nn::ShapeError),
    /// The sample rate is not in the file and cannot be inferred.
    #[error(
        "the file does not contain the sample rate, and it cannot be inferred from hop {hop_samples} and \
{codebooks} codebooks; give the model's name ({})",
        dac_kernels::name_list(&Preset::ALL.map(Preset::name))
    )]
    SampleRate {
        /// Samples per frame.
        hop_samples: usize,
        /// Number of codebooks.
        codebooks: usize,
    },
    /// The network is not the expected preset.
    #[error("contains another network than {expected} [{difference}]; give the model that it is of, or none")]
    OtherModel {
        /// Name of the expected preset.
        expected: String,
        /// Differing dimensions.
        difference: String,
    },
}

/// All parameters that are missing, unused or have the wrong shape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// Canonical names of parameters that the network needs but the file lacks.
    pub missing: Vec<String>,
    /// Keys of the file that no parameter uses.
    pub unused: Vec<String>,
    /// Parameters of the wrong shape: canonical name, shape expected, shape found.
    pub misshaped: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (missing, unused, misshaped) = (self.missing.len(), self.unused.len(), self.misshaped.len());
        write!(
            f,
            "the parameters do not fit: {missing} missing, {unused} unused, {misshaped} of the wrong shape"
        )?;
        for name in &self.missing {
            write!(f, "\n  missing      {name}")?;
        }
        for name in &self.unused {
            write!(f, "\n  unused       {name}")?;
        }
        for (name, expected, found) in &self.misshaped {
            write!(f, "\n  wrong shape  {name}: expected {expected:?}, found {found:?}")?;
        }
        Ok(())
    }
}

/// Joins an error and its causes in one line.
fn join_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
