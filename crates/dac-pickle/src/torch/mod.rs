//! torch's zip files (`.pth`, `.pt`): read tensor by tensor, written as `torch.save` does.

mod reader;
pub(crate) mod resolve;
mod writer;

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::dtype::{DType, DTypeError};
use crate::error::PickleError;
use crate::zip::ZipError;

pub use reader::TorchFile;
pub use writer::{Saved, write};

/// Most axes a tensor may have.
pub const MAX_AXES: usize = 64;

/// Why a torch file was not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TorchError {
    /// Reading failed.
    #[error("reading the torch file")]
    Io(#[from] io::Error),
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// A file from before torch 1.6, which is not a zip file.
    #[error(
        "a torch file of the old kind (before torch 1.6), which is not read; load it with torch and save it again"
    )]
    Legacy,
    /// Neither a zip file nor an old torch file.
    #[error("not a torch file: it begins with {found:02x?} ({looks_like}), a zip file was expected")]
    NotTorch {
        /// The first bytes.
        found: Vec<u8>,
        /// A guess at what it is.
        looks_like: &'static str,
    },
    /// A zip file without a `data.pkl` in a folder.
    #[error("a zip file, but not of torch: no entry NAME/data.pkl among its {entries} entries")]
    NoData {
        /// How many entries there are.
        entries: usize,
    },
    /// The zip directory is broken.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The pickle within is refused or broken.
    #[error("in data.pkl")]
    Pickle(#[from] PickleError),
    /// The pickle is larger than is read.
    #[error("data.pkl has {found_bytes} bytes, more than {limit_bytes}")]
    PickleTooLarge {
        /// Its size.
        found_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// A storage that a tensor refers to is not in the file.
    #[error("storage {key:?} is not in the file")]
    NoStorage {
        /// The storage's key.
        key: String,
    },
    /// A tensor's shape, strides or offset reach past its storage.
    #[error(
        "a tensor of shape {shape:?}, strides {strides:?} and offset {offset} goes past its storage {key:?} of {found_bytes} bytes"
    )]
    OutOfStorage {
        /// Shape, in elements.
        shape: Vec<usize>,
        /// Strides, in elements.
        strides: Vec<usize>,
        /// Offset, in elements.
        offset: usize,
        /// The storage's key.
        key: String,
        /// The storage's size.
        found_bytes: u64,
    },
    /// A tensor that repeats its storage (a stride of 0 or overlapping rows) beyond the storage's own size.
    #[error("a tensor of shape {shape:?} has more elements than its storage {key:?} ({found_bytes} bytes)")]
    Expanded {
        /// Shape, in elements.
        shape: Vec<usize>,
        /// The storage's key.
        key: String,
        /// The storage's size.
        found_bytes: u64,
    },
    /// The elements were not converted.
    #[error(transparent)]
    Convert(#[from] DTypeError),
}

/// A tensor whose elements are still in the file; [`TorchFile::read_tensor`] fetches them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorRef {
    /// Element type.
    pub dtype: DType,
    /// Length of each axis; none for a single value.
    pub shape: Vec<usize>,
    /// Steps along each axis, in elements of the storage.
    pub strides: Vec<usize>,
    /// First element's place in the storage, in elements.
    pub offset: usize,
    /// The storage's key: the entry `NAME/data/KEY` of the zip file.
    pub storage: Arc<str>,
    /// The storage's declared size, in bytes.
    pub storage_bytes: u64,
}

impl TensorRef {
    /// How many elements the tensor has (saturated when the product overflows).
    pub fn elements(&self) -> usize {
        self.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX)
    }

    /// The same tensor cut to `length` places from `start` on along `axis`; places that are not there are left out.
    #[must_use]
    pub fn narrow(mut self, axis: usize, start: usize, length: usize) -> Self {
        if let (Some(d), Some(&stride)) = (self.shape.get_mut(axis), self.strides.get(axis)) {
            let start = start.min(*d);
            *d = length.min(*d - start);
            self.offset = self.offset.saturating_add(start.saturating_mul(stride));
        }
        self
    }
}
