//! Torch's zip files (`.pth`, `.pt`).

mod reader;
mod writer;

use std::io;

use dac_sniff::Guess;
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
    #[error(
        "the file is in the format of torch before 1.6, which cannot be read; load it with torch.load and \
         save it again with torch.save"
    )]
    Legacy,
    /// Neither a zip file nor a legacy torch file.
    #[error("not a torch file; it is {guess}")]
    NotTorch {
        /// Likely kind of the file.
        guess: Guess,
    },
    /// A zip file without a `data.pkl` in a directory.
    #[error(
        "a zip archive of {}, not a file written by torch.save (it has no entry NAME/data.pkl); if the file \
         is inside, unpack it",
        list_names(names)
    )]
    NoData {
        /// Names of the entries.
        names: Vec<String>,
    },
    /// The zip file is refused or malformed.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The pickle in the file is refused or malformed.
    #[error("cannot read data.pkl of the torch file")]
    Pickle(#[from] PickleError),
    /// The pickle exceeds the limit.
    #[error(
        "data.pkl has {found_bytes} bytes; the limit is {limit_bytes}: the file contains more than tensors, \
         such as large lists or arrays; save only tensors"
    )]
    PickleTooLarge {
        /// Size of the pickle.
        found_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The storage of a tensor is not in the file.
    #[error("storage {key:?} is missing from the file; it is damaged: download or copy it again")]
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
    /// A tensor that repeats elements of its storage: overlapping rows, or an expanded tensor (a stride of 0)
    /// above the limit.
    #[error(
        "a tensor of shape {:?} repeats elements of its storage {:?} of {found_bytes} bytes (expand or \
         unfold); save tensor.contiguous() instead",
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

/// Number of names that a message lists.
const LISTED_NAMES: usize = 4;

/// Lists the first names in quotes, and how many there are.
fn list_names(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED_NAMES).map(|name| format!("{name:.80?}")).collect();
    match names.len() {
        0 => "no entries".to_owned(),
        count if count > LISTED_NAMES => format!("{count} entries ({}, …)", shown.join(", ")),
        _ => shown.join(", "),
    }
}
