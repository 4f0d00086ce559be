//! File names of shards and their numbering.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::PackError;
use crate::pack_kind::PackKind;

/// File names of shards: `tokens-000000.tar`, or `tokens-0-of-4-000000.tar` with a tag; `codes.000000.tar`
/// for Shar. Jobs with different tags can share a directory. A shard that keeps the name of its input has no
/// number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackNaming(Names);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    /// Tag and number, with a `-` after the tag if there is one.
    Numbered(String),
    Fixed(String),
}

impl Default for PackNaming {
    fn default() -> Self {
        Self(Names::Numbered(String::new()))
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
        Ok(Self(Names::Numbered(format!("{tag}-"))))
    }

    /// Creates the name of a single shard, `STEM.tar`. Shar gives the cuts `cuts.N.jsonl.gz` their own name
    /// again.
    pub fn fixed(stem: &str) -> Self {
        Self(Names::Fixed(stem.to_owned()))
    }

    /// Formats the file name of a shard.
    pub fn file_name(&self, number: u64, kind: &PackKind) -> String {
        let extension = kind.extension();
        match (&self.0, kind) {
            (Names::Numbered(tag), _) => format!("{}{tag}{number:06}.{extension}", kind.prefix()),
            (Names::Fixed(stem), PackKind::Shar(_)) => {
                format!("{}{}.{extension}", kind.prefix(), stem.strip_prefix("cuts.").unwrap_or(stem))
            }
            (Names::Fixed(stem), _) => format!("{stem}.{extension}"),
        }
    }

    /// Returns the number after the highest of the shards of this kind in `folder`, or 0.
    ///
    /// # Errors
    /// Fails if the directory exists and cannot be listed.
    pub fn next_number(&self, folder: &Path, kind: &PackKind) -> Result<u64, PackError> {
        let cannot_list = |source| PackError::Folder { path: folder.to_path_buf(), source };
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            entries => entries.map_err(cannot_list)?,
        };
        let mut next = 0;
        for entry in entries {
            let name = entry.map_err(cannot_list)?.file_name();
            let number = name.to_str().and_then(|name| self.number(name, kind));
            next = number.map_or(next, |number| next.max(number.saturating_add(1)));
        }
        Ok(next)
    }

    /// Parses the number from the file name of a shard. Other names give `None`.
    pub fn number(&self, name: &str, kind: &PackKind) -> Option<u64> {
        let Names::Numbered(tag) = &self.0 else { return None };
        let rest = name.strip_prefix(kind.prefix())?.strip_prefix(tag.as_str())?;
        let digits = rest.strip_suffix(kind.extension())?.strip_suffix('.')?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    }
}
