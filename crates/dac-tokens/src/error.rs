//! What can be wrong with a token file.

use std::io;
use std::path::PathBuf;

use dac_pickle::numpy::ArrayError;
use dac_pickle::torch::TorchError;
use dac_pickle::{DTypeError, PickleError};
use dac_rvq::{CodesError, ShapeError};
use thiserror::Error;

use crate::format::Format;

/// Why a token file was not read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Reading or writing failed.
    #[error("reading or writing tokens")]
    Io(#[from] io::Error),
    /// The error of a named file.
    #[error("{path}: {source}", path = path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<TokenError>,
    },
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The content is of no known format.
    #[error(
        "no token file: it begins with {found:02x?}, which is none of .safetensors, .npy, .pt, .dac, .dacp"
    )]
    UnknownFormat {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// The bytes contradict the format.
    #[error("malformed {format} file: {reason}")]
    Malformed {
        /// The format.
        format: Format,
        /// What is wrong.
        reason: String,
    },
    /// A header declares more than a file may have, or more than this one has.
    #[error("the {format} file declares {what} of {declared}, more than the {available} there can be")]
    TooLarge {
        /// The format.
        format: Format,
        /// What is declared.
        what: &'static str,
        /// How much.
        declared: u64,
        /// How much there is, or is allowed.
        available: u64,
    },
    /// The file ends before what it declares.
    #[error("the {format} file is cut: {needed} bytes were needed, it has {available}")]
    Truncated {
        /// The format.
        format: Format,
        /// How long the file would have to be.
        needed: u64,
        /// How long it is.
        available: u64,
    },
    /// An array that is no codes, z or latents by its shape or element type.
    #[error("{what} has shape {shape:?}, [channels, {axis}, frames] or [{axis}, frames] was expected")]
    Axes {
        /// Which array.
        what: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// Name of the middle axis.
        axis: &'static str,
    },
    /// The file holds neither codes nor z nor latents.
    #[error("the {format} file holds neither codes nor z nor latents (it holds: {found})")]
    NoTokens {
        /// The format.
        format: Format,
        /// What it does hold.
        found: String,
    },
    /// A `.dac` file of before version 1.0.0.
    #[error(
        "a .dac file of the reference's 0.0.x versions, which stored other fields ({field}) and no version; \
         it is not read: encode the audio again"
    )]
    OldDac {
        /// A field that tells.
        field: String,
    },
    /// A `.dac` file of an unknown version.
    #[error("a .dac file of version {found:?}, \"1.0.0\" is read")]
    DacVersion {
        /// The version found.
        found: String,
    },
    /// A `.dacp` block whose checksum does not fit.
    #[error(
        "block {block} (from frame {frame} on) of the .dacp file is damaged: checksum {found:08x}, expected {expected:08x}"
    )]
    Checksum {
        /// The block, counted from 0.
        block: u64,
        /// Its first frame.
        frame: u64,
        /// The checksum of its bytes.
        found: u32,
        /// The checksum it carries.
        expected: u32,
    },
    /// The format cannot hold what it was asked to.
    #[error("a {format} file cannot hold {what}")]
    CannotHold {
        /// The format.
        format: Format,
        /// What.
        what: &'static str,
    },
    /// The format needs a fact that is not known.
    #[error("a {format} file needs {what}, which is not known")]
    Missing {
        /// The format.
        format: Format,
        /// The field of [`TokenMeta`](crate::TokenMeta).
        what: &'static str,
    },
    /// A torch file was refused.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// A pickle was refused.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// A numpy array was refused.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// Elements were not converted.
    #[error(transparent)]
    Convert(#[from] DTypeError),
    /// Codes were refused.
    #[error(transparent)]
    Codes(#[from] CodesError),
    /// A shape was refused.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

impl TokenError {
    pub(crate) fn malformed(format: Format, reason: impl Into<String>) -> Self {
        Self::Malformed { format, reason: reason.into() }
    }
}
