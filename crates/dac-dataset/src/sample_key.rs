//! Keys of the entries of a data set.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

/// A path that cannot become a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot make a key of {path:?}: {reason}")]
#[non_exhaustive]
pub struct KeyError {
    /// Path without extension.
    pub path: PathBuf,
    /// Property of the path that is not allowed.
    pub reason: &'static str,
}

/// Key of an entry: a relative path with `/` as separator and without extension, the same in tar and parquet
/// files.
///
/// WebDataset ends a key at the first dot of the file name, and skips everything in a first directory
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
        let invalid = |reason| KeyError { path: path.to_path_buf(), reason };
        let mut parts = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(part) => parts.push(part.as_encoded_bytes()),
                Component::CurDir => {}
                _ => return Err(invalid("it must be relative and must not contain ..")),
            }
        }
        let (file, folders) = parts.split_last().ok_or_else(|| invalid("it is empty"))?;
        let mut key = String::new();
        for (index, folder) in folders.iter().enumerate() {
            // WebDataset takes a first directory of this name for metadata and skips it.
            let is_skipped =
                index == 0 && folder.len() >= 4 && folder.starts_with(b"__") && folder.ends_with(b"__");
            if is_skipped {
                quote(b'_', &mut key);
            }
            push_quoted(folder.get(usize::from(is_skipped)..).unwrap_or_default(), false, &mut key);
            key.push('/');
        }
        push_quoted(file, true, &mut key);
        Ok(Self(key.into()))
    }

    /// Appends letters, digits and `-` to the key.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let mut key = self.0.to_string();
        push_quoted(suffix.as_bytes(), true, &mut key);
        Self(key.into())
    }

    /// Path that the key stands for; the key itself if it has bytes that are not printable text.
    pub fn id(&self) -> String {
        let text = unquoted(&self.0).and_then(|bytes| String::from_utf8(bytes).ok());
        text.filter(|text| !text.chars().any(char::is_control)).unwrap_or_else(|| self.0.to_string())
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

/// Decodes percent-encoded bytes; `None` if one is malformed.
fn unquoted(key: &str) -> Option<Vec<u8>> {
    let mut parts = key.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(part.get(2..)?.as_bytes());
    }
    Some(bytes)
}
