//! Zip files of stored entries, as torch reads and writes them.
//!
//! The `zip` crate (9.8.2) does not replace the reader: it parses the whole directory before a caller can
//! limit the number of entries, and for an 8 kB sparse file with a long 64-bit end record it allocates 2 GiB,
//! where this reader needs 2 MiB. Nor does it replace the writer: its padding, flags and attributes differ
//! from torch's, and it needs `Seek`.

mod reader;
mod writer;

use std::io;

use thiserror::Error;

pub(crate) use reader::Directory;
pub(crate) use writer::ZipWriter;

/// Next step for a file that is not complete.
const AGAIN: &str = "download or copy the file again";

/// Error of reading a zip file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ZipError {
    /// Reading failed.
    #[error("cannot read the zip file")]
    Io(#[from] io::Error),
    /// There is no end record: the file is truncated, or not a zip file.
    #[error("truncated zip file: its {length_bytes} bytes do not end with a directory; {AGAIN}")]
    NoDirectory {
        /// Length of the file.
        length_bytes: u64,
    },
    /// A record that contradicts the file.
    #[error("malformed zip file at byte {offset}: {reason}; the file is damaged: {AGAIN}")]
    Malformed {
        /// Offset of the record in bytes.
        offset: u64,
        /// The contradiction found.
        reason: &'static str,
    },
    /// The directory exceeds a limit, two entries share bytes, or an entry is compressed or encrypted.
    #[error("{0}")]
    Refused(String),
}
