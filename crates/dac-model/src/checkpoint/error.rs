//! Why a checkpoint was not loaded.

use std::fmt;
use std::path::PathBuf;

use dac_pickle::torch::TorchError;
use thiserror::Error;

/// A checkpoint that was not loaded, with the file and the reason.
#[derive(Debug, Error)]
#[error("{}: {reason}", path.display())]
pub struct CheckpointError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub reason: Reason,
}

/// What is wrong with a checkpoint.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Reason {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    /// A folder was given.
    #[error("is a folder, expected a checkpoint file (weights.pth or model.safetensors)")]
    Directory,
    /// Not a torch file, or a broken one.
    #[error("not a checkpoint that can be read: {}", chain(.0))]
    Torch(TorchError),
    /// A safetensors header of an impossible length.
    #[error(
        "not a safetensors file: its header claims {length} bytes, the file has {total} and {limit} are allowed"
    )]
    Header {
        /// Length claimed.
        length: u64,
        /// Bytes of the file.
        total: u64,
        /// The most that is read.
        limit: u64,
    },
    /// A safetensors header that is not one.
    #[error("not a safetensors file: {0}")]
    HeaderJson(String),
    /// The file ends before its tensors do.
    #[error("truncated: {expected} bytes expected, {found} found")]
    Truncated {
        /// Bytes that the header speaks of.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Elements of a type that no weight has.
    #[error("tensor {key} has elements of type {found}, expected a float type")]
    DType {
        /// The key.
        key: String,
        /// The type.
        found: String,
    },
    /// Values that could not be converted.
    #[error("{0}")]
    Convert(String),
    /// No tensors where they are expected.
    #[error("holds no state dict of tensors")]
    NoTensors,
    /// Tensors, but none of this codec's names.
    #[error(
        "not a DAC checkpoint: none of its {tensors} tensors has a name of the codec (one of them is {example})"
    )]
    NotDac {
        /// How many tensors there are.
        tensors: usize,
        /// One of their names.
        example: String,
    },
    /// Parameters that do not fit, all of them.
    #[error("{0}")]
    Mismatch(Mismatch),
    /// A shape that no network can have.
    #[error(transparent)]
    Shape(#[from] dac_nn::ShapeError),
    /// Nothing tells the sample rate.
    #[error(
        "the sample rate is not in the file and does not follow from hop {hop_samples} and {codebooks} codebooks: name the model"
    )]
    SampleRate {
        /// Samples a frame.
        hop_samples: usize,
        /// Codebooks.
        codebooks: usize,
    },
    /// Another model than the one asked for.
    #[error("holds another network than {expected} [{difference}]")]
    OtherModel {
        /// The model asked for.
        expected: String,
        /// What differs.
        difference: String,
    },
}

/// Every parameter that is missing, unused or mis-shaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// Canonical names of parameters that the network needs and the file lacks.
    pub missing: Vec<String>,
    /// Keys of the file that no parameter uses.
    pub unused: Vec<String>,
    /// Canonical name, shape needed, shape found.
    pub misshaped: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Mismatch {
    pub(crate) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unused.is_empty() && self.misshaped.is_empty()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (m, u, s) = (self.missing.len(), self.unused.len(), self.misshaped.len());
        write!(f, "the parameters do not fit: {m} missing, {u} unused, {s} mis-shaped")?;
        for name in &self.missing {
            write!(f, "\n  missing    {name}")?;
        }
        for name in &self.unused {
            write!(f, "\n  unused     {name}")?;
        }
        for (name, expected, found) in &self.misshaped {
            write!(f, "\n  mis-shaped {name}: expected {expected:?}, found {found:?}")?;
        }
        Ok(())
    }
}

/// An error with all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
