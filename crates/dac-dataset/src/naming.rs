//! File names of shards and their numbering.

use std::fs;
use std::path::Path;

use crate::error::PackError;

/// File names of shards: `tokens-000000.tar`, or `tokens-0-of-4-000000.tar` with a tag. Jobs with different
/// tags can share a directory. A shard that keeps the name of its input has no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackNaming {
    prefix: String,
    is_fixed: bool,
}

impl Default for PackNaming {
    fn default() -> Self {
        Self { prefix: "tokens-".to_owned(), is_fixed: false }
    }
}

impl PackNaming {
    /// Creates names with a tag, such as `0-of-4`.
    ///
    /// # Errors
    /// Fails if the tag is empty or contains characters other than letters, digits, `-` and `_`.
    pub fn tagged(tag: &str) -> Result<Self, PackError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if tag.is_empty() || !tag.chars().all(is_allowed) {
            return Err(PackError::Tag { tag: tag.to_owned() });
        }
        Ok(Self { prefix: format!("tokens-{tag}-"), is_fixed: false })
    }

    /// Creates the name of a single shard, `STEM.tar`.
    pub fn fixed(stem: &str) -> Self {
        Self { prefix: stem.to_owned(), is_fixed: true }
    }

    /// Formats the file name of a shard.
    pub(crate) fn file_name(&self, number: u64, extension: &str) -> String {
        if self.is_fixed {
            return format!("{}.{extension}", self.prefix);
        }
        format!("{}{number:06}.{extension}", self.prefix)
    }

    /// Returns the number after the highest of the shards with this extension in `folder`, or 0.
    ///
    /// # Errors
    /// Fails if the directory cannot be listed.
    pub fn next_number(&self, folder: &Path, extension: &str) -> Result<u64, PackError> {
        let cannot_list = |source| PackError::Folder { path: folder.to_path_buf(), source };
        let mut next = 0;
        for entry in fs::read_dir(folder).map_err(cannot_list)? {
            let name = entry.map_err(cannot_list)?.file_name();
            let number = name.to_str().and_then(|name| self.number(name, extension));
            next = number.map_or(next, |number| next.max(number.saturating_add(1)));
        }
        Ok(next)
    }

    /// Parses the number from the file name of a shard. Other names give `None`.
    pub fn number(&self, name: &str, extension: &str) -> Option<u64> {
        if self.is_fixed {
            return None;
        }
        let digits = name.strip_prefix(&self.prefix)?.strip_suffix(extension)?.strip_suffix('.')?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    }
}
