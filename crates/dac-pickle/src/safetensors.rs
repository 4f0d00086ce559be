//! A bounded reader of safetensors headers.
//!
//! It is part of this crate because `dac-model` and `dac-tokens` both need it and share this crate's
//! [`DType`].

use std::io::{self, Read, Seek, SeekFrom};

use safetensors::tensor::{Metadata, TensorInfo};
use thiserror::Error;

use crate::dtype::{DType, Naming};

/// Bytes of the header's length, which precede the header.
const LENGTH_BYTES: u64 = 8;

/// Next step for a file that is not complete.
const AGAIN: &str = "download or copy the file again";

/// Error text for the length of a header.
fn header_length_text(length: u64, total: u64, limit: u64) -> String {
    if length > limit {
        return format!(
            "the header declares {length} bytes, more than the limit of {limit}; the file is damaged: {AGAIN}"
        );
    }
    format!("truncated: the header declares {length} bytes, but the file has only {total}; {AGAIN}")
}

/// A safetensors header that could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The declared length of the header exceeds the file or the limit.
    #[error("{}", header_length_text(*length, *total, *limit))]
    HeaderLength {
        /// Declared length in bytes.
        length: u64,
        /// Bytes of the file.
        total: u64,
        /// Limit in bytes.
        limit: u64,
    },
    /// The header is not valid JSON or contradicts itself.
    #[error(
        "the header is not the JSON that the safetensors library writes ({0}); the file is damaged: {AGAIN}"
    )]
    Malformed(serde_json::Error),
    /// The file ends before its tensors.
    #[error("truncated: expected {expected} bytes, found {found}; {AGAIN}")]
    Truncated {
        /// Bytes that the header describes.
        expected: u64,
        /// Bytes of the file.
        found: u64,
    },
}

/// The header of a safetensors file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SafetensorsHeader {
    /// Names, shapes and offsets of the tensors, and the file's metadata.
    pub metadata: Metadata,
    /// Position of the tensor data in the file, in bytes.
    pub data_start: u64,
}

impl SafetensorsHeader {
    /// Reads a header of at most `limit` bytes and checks that the file contains the data of all tensors.
    ///
    /// # Errors
    /// When reading fails, the header is too long or malformed, or the file is truncated.
    pub fn read<R: Read + Seek>(reader: &mut R, limit: u64) -> Result<Self, SafetensorsError> {
        let total = reader.seek(SeekFrom::End(0))?;
        if total < LENGTH_BYTES {
            return Err(SafetensorsError::Truncated { expected: LENGTH_BYTES, found: total });
        }
        reader.seek(SeekFrom::Start(0))?;
        let mut length = [0; LENGTH_BYTES as usize];
        reader.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > limit.min(total - LENGTH_BYTES) {
            return Err(SafetensorsError::HeaderLength { length, total, limit });
        }
        let mut header = vec![0; length as usize];
        reader.read_exact(&mut header)?;
        let metadata: Metadata = serde_json::from_slice(&header).map_err(SafetensorsError::Malformed)?;
        let data_start = LENGTH_BYTES + length;
        let expected = data_start.saturating_add(metadata.data_len() as u64);
        if total < expected {
            return Err(SafetensorsError::Truncated { expected, found: total });
        }
        Ok(Self { metadata, data_start })
    }

    /// Returns a tensor's element type; `None` for types that torch pickles do not have.
    pub fn dtype(info: &TensorInfo) -> Option<DType> {
        DType::find(Naming::Safetensors, &info.dtype.to_string())
    }
}
