//! Torch's zip files (`.pth`, `.pt`).

mod reader;
mod writer;

use std::io;

use thiserror::Error;

use crate::dtype::DTypeError;
use crate::error::PickleError;
use crate::zip::ZipError;

pub use crate::value::TensorRef;
pub use reader::TorchFile;
pub use writer::{Saved, write};

/// Error of reading a torch file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TorchError {
    /// Reading failed.
    #[error("cannot read the torch file")]
    Io(#[from] io::Error),
    /// The file has no bytes.
    #[error("the file is empty, expected a torch file")]
    Empty,
    /// A file of torch before 1.6, which is not a zip file.
    #[error("the file is in the format of torch before 1.6; load it with torch and save it again")]
    Legacy,
    /// Neither a zip file nor a legacy torch file.
    #[error("not a torch file: found {looks_like}, expected a zip archive; it begins with {found:02x?}")]
    NotTorch {
        /// First bytes of the file.
        found: Vec<u8>,
        /// Probable kind of the file.
        looks_like: &'static str,
    },
    /// A zip file without a `data.pkl` in a folder.
    #[error("not a torch file: the zip file has {entries} entries, expected an entry NAME/data.pkl")]
    NoData {
        /// Number of entries.
        entries: usize,
    },
    /// The zip file is refused or malformed.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The pickle in the file is refused or malformed.
    #[error("cannot read data.pkl")]
    Pickle(#[from] PickleError),
    /// The pickle exceeds the limit.
    #[error("data.pkl has {found_bytes} bytes; the limit is {limit_bytes}")]
    PickleTooLarge {
        /// Size of the pickle.
        found_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The storage of a tensor is not in the file.
    #[error("storage {key:?} is missing from the file")]
    NoStorage {
        /// Key of the storage.
        key: String,
    },
    /// The shape, strides and offset of a tensor exceed its storage.
    #[error(
        "a tensor of shape {:?}, strides {:?} and offset {} exceeds its storage {:?} of {found_bytes} bytes",
        tensor.shape, tensor.strides, tensor.offset, tensor.storage
    )]
    OutOfStorage {
        /// The tensor.
        tensor: Box<TensorRef>,
        /// Size of the storage.
        found_bytes: u64,
    },
    /// A tensor that repeats elements of its storage (a stride of 0 or overlapping rows) beyond the storage's
    /// own size.
    #[error(
        "a tensor of shape {:?} has more elements than its storage {:?} of {found_bytes} bytes",
        tensor.shape, tensor.storage
    )]
    Expanded {
        /// The tensor.
        tensor: Box<TensorRef>,
        /// Size of the storage.
        found_bytes: u64,
    },
    /// The elements cannot be converted.
    #[error(transparent)]
    Convert(#[from] DTypeError),
}
