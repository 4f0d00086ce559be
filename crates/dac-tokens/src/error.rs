//! Errors of reading and writing token files.

use std::io;
use std::path::{Path, PathBuf};

use dac_pickle::numpy::ArrayError;
use dac_pickle::torch::TorchError;
use dac_pickle::{DType, PickleError};
use dac_rvq::{CodesError, ShapeError};
use dac_sniff::Guess;
use thiserror::Error;

/// Names of foreign content that an error lists.
const MAX_NAMES: usize = 8;

/// Reason why a token file cannot be read or written. A `format` is a file name extension without the dot.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Reading failed.
    #[error("cannot read the tokens")]
    Io(#[from] io::Error),
    /// Writing failed.
    #[error("cannot write the tokens")]
    Write(#[source] io::Error),
    /// An error with the path of its file.
    #[error("{path}: {source}", path = path.display())]
    InFile {
        /// Path of the file.
        path: PathBuf,
        /// The error.
        source: Box<TokenError>,
    },
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The content has no known format.
    #[error("not a token file, expected one of {known}; it is {guess}")]
    UnknownFormat {
        /// Likely kind of the file.
        guess: Guess,
        /// The known formats.
        known: String,
    },
    /// The bytes contradict the format.
    #[error("malformed .{format} file: {reason}")]
    Malformed {
        /// Format of the file.
        format: &'static str,
        /// Description of the contradiction.
        reason: String,
    },
    /// A declared size exceeds the limit or the size of the file.
    #[error("the .{format} file declares {what} of {declared} bytes; at most {available} are possible")]
    TooLarge {
        /// Format of the file.
        format: &'static str,
        /// Part of the file, with an article.
        what: &'static str,
        /// Declared size in bytes.
        declared: u64,
        /// Largest size in bytes.
        available: u64,
    },
    /// The file ends too early.
    #[error(
        "truncated .{format} file: expected at least {needed} bytes, found {available}; download or copy it \
         again"
    )]
    Truncated {
        /// Format of the file.
        format: &'static str,
        /// Expected size in bytes.
        needed: u64,
        /// Size in bytes.
        available: u64,
    },
    /// The shape of an array is not possible for codes, z or latents.
    #[error("{array} has shape {shape:?}, expected [channels, {axis}, frames] or [{axis}, frames]{hint}")]
    Axes {
        /// Name of the array.
        array: &'static str,
        /// Shape in the file.
        shape: Vec<usize>,
        /// Name of the middle axis.
        axis: &'static str,
        /// Probable cause, after a semicolon; can be empty.
        hint: &'static str,
    },
    /// The elements of an array are not integers, for codes, or not floats, for z and latents.
    #[error("{array} has elements of type {found:?}, expected {expected}")]
    ElementType {
        /// Name of the array.
        array: &'static str,
        /// Type of the elements.
        found: DType,
        /// The expected types, and the reading of other ones.
        expected: &'static str,
    },
    /// The file contains no codes, z or latents.
    #[error(
        "the .{format} file contains no codes, z or latents (it contains: {found}){}",
        if *is_checkpoint {
            "; it is a checkpoint: give it with --weights"
        } else {
            "; save integers under the name codes, or floats under the name z"
        }
    )]
    NoTokens {
        /// Format of the file.
        format: &'static str,
        /// Names of its content.
        found: String,
        /// Whether the content looks like the weights of a codec.
        is_checkpoint: bool,
    },
    /// A `.dac` file from before version 1.0.0.
    #[error(
        "a .dac file of the reference codec's versions 0.0.x, which stored other fields ({field}) and no \
         version, cannot be read; encode the audio again"
    )]
    OldDac {
        /// The field that identifies the version.
        field: String,
    },
    /// A `.dac` file of an unknown version.
    #[error("unknown version {found:?} of a .dac file, expected \"1.0.0\"")]
    DacVersion {
        /// Version in the file.
        found: String,
    },
    /// The checksum of a `.dacp` block is wrong.
    #[error(
        "block {block} of the .dacp file, from frame {frame} on, is damaged: checksum {found:08x}, \
         expected {expected:08x}; download or copy the file again"
    )]
    Checksum {
        /// Number of the block, from 0.
        block: u64,
        /// Its first frame.
        frame: u64,
        /// Checksum of its bytes.
        found: u32,
        /// Checksum stored in the file.
        expected: u32,
    },
    /// The format cannot store the tokens.
    #[error("a .{format} file cannot store {what}")]
    CannotHold {
        /// Format to write.
        format: &'static str,
        /// Description of what does not fit, and of what does.
        what: String,
    },
    /// The format requires metadata that is unknown.
    #[error("a .{format} file requires {what}, which is unknown")]
    Missing {
        /// Format to write.
        format: &'static str,
        /// Name of the field of [`TokenMeta`](crate::TokenMeta).
        what: &'static str,
    },
    /// A torch file is invalid.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// A pickle is invalid.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// An array is invalid, or its elements cannot be converted.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// Codes are invalid.
    #[error(transparent)]
    Codes(#[from] CodesError),
    /// A shape is invalid.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

impl TokenError {
    pub(crate) fn malformed(format: &'static str, reason: impl Into<String>) -> Self {
        Self::Malformed { format, reason: reason.into() }
    }

    /// Error for a file with other content.
    pub(crate) fn no_tokens(format: &'static str, names: &[String]) -> Self {
        let mut found = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
        if let Some(more) = names.len().checked_sub(MAX_NAMES).filter(|more| *more > 0) {
            found += &format!(" and {more} more");
        }
        let has = |part: &str| names.iter().any(|name| name.contains(part));
        Self::NoTokens { format, found, is_checkpoint: has("encoder") && has("decoder") && has("quantizer") }
    }

    /// An I/O error that happened while writing.
    pub(crate) fn of_writing(self) -> Self {
        match self {
            Self::Io(error) => Self::Write(error),
            other => other,
        }
    }

    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_path_buf(), source: Box::new(self) }
    }
}
