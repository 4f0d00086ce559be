//! Keys of the entries of a data set.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

/// Reason why a path cannot become a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The path has no file name.
    #[error("cannot make a key of {path:?}: it is empty")]
    Empty {
        /// Path without extension.
        path: PathBuf,
    },
    /// The path is absolute or contains `..`.
    #[error("cannot make a key of {path:?}: it must be relative and must not contain ..")]
    Outside {
        /// Path without extension.
        path: PathBuf,
    },
}

/// Key of an entry: a relative path with `/` as separator and without extension, the same in tar and parquet
/// files.
///
/// WebDataset ends a key at the first dot of the file name, and skips everything in a first folder
/// `__something__`. Such dots and the first underscore are therefore percent-encoded as in URLs (`%2E`,
/// `%5F`), as are control characters, bytes that are not UTF-8, and `%` itself. Different paths have
/// different keys, and unquoting restores the path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleKey(Arc<str>);

impl SampleKey {
    /// Converts a relative path without extension.
    ///
    /// # Errors
    /// Fails if the path is empty, absolute or contains `..`.
    pub fn of(path: &Path) -> Result<Self, KeyError> {
        let mut parts = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(part) => parts.push(part.as_encoded_bytes()),
                Component::CurDir => {}
                _ => return Err(KeyError::Outside { path: path.to_path_buf() }),
            }
        }
        let Some((file, folders)) = parts.split_last() else {
            return Err(KeyError::Empty { path: path.to_path_buf() });
        };
        let mut key = String::new();
        for (index, folder) in folders.iter().enumerate() {
            let mut folder = *folder;
            if index == 0 && is_skipped_by_webdataset(folder) {
                quote(b'_', &mut key);
                folder = folder.get(1..).unwrap_or_default();
            }
            push_quoted(folder, false, &mut key);
            key.push('/');
        }
        push_quoted(file, true, &mut key);
        Ok(Self(key.into()))
    }

    /// Text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SampleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether WebDataset takes a first folder of this name, `__…__`, for metadata and skips it.
fn is_skipped_by_webdataset(folder: &[u8]) -> bool {
    folder.len() >= 4 && folder.starts_with(b"__") && folder.ends_with(b"__")
}

/// Appends a part of a path to `key`, quoted where necessary.
fn push_quoted(part: &[u8], quote_dots: bool, key: &mut String) {
    for chunk in part.utf8_chunks() {
        for c in chunk.valid().chars() {
            match u8::try_from(c) {
                Ok(byte) if byte == b'%' || byte.is_ascii_control() || (byte == b'.' && quote_dots) => {
                    quote(byte, key);
                }
                _ => key.push(c),
            }
        }
        chunk.invalid().iter().for_each(|&byte| quote(byte, key));
    }
}

/// Appends a percent-encoded byte to `key`.
fn quote(byte: u8, key: &mut String) {
    key.push_str(&format!("%{byte:02X}"));
}
