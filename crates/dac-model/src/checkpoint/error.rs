//! Errors of loading a checkpoint.

use std::fmt;
use std::path::PathBuf;

use dac_pickle::safetensors::SafetensorsError;
use dac_pickle::torch::TorchError;
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
    #[error("is a folder, expected a checkpoint file (weights.pth or model.safetensors)")]
    Directory,
    /// The file is not a valid torch file.
    #[error("not a readable checkpoint: {}", join_causes(.0))]
    Torch(TorchError),
    /// The file is not a valid safetensors file.
    #[error("not a valid safetensors file: {0}")]
    Safetensors(SafetensorsError),
    /// A tensor's elements are not floats.
    #[error("tensor {key} has elements of type {found}, expected a float type")]
    DType {
        /// Name of the tensor.
        key: String,
        /// Element type found.
        found: String,
    },
    /// A tensor's values could not be converted to f32.
    #[error("{0}")]
    Convert(String),
    /// The file contains no tensors.
    #[error("contains no state dict of tensors")]
    NoTensors,
    /// No tensor has a name of this codec.
    #[error(
        "not a DAC checkpoint: none of its {tensors} tensors has a name of the codec (one of them is \
{example})"
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
    #[error("contains another network than {expected} [{difference}]")]
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
