//! Names of shards, and where a job that goes on continues counting.

use std::fs;
use std::path::Path;

use crate::error::PackError;

/// How shards are called: `tokens-000000.tar`, or `tokens-0-of-4-000000.tar` with a tag, so that several jobs fill one
/// folder without touching each other's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackNaming {
    prefix: String,
}

impl Default for PackNaming {
    fn default() -> Self {
        Self { prefix: "tokens-".to_owned() }
    }
}

impl PackNaming {
    /// Names with a tag, such as `0-of-4`.
    ///
    /// # Errors
    /// When the tag has anything but letters, digits, `-` and `_`.
    pub fn tagged(tag: &str) -> Result<Self, PackError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if tag.is_empty() || !tag.chars().all(plain) {
            return Err(PackError::Tag { tag: tag.to_owned() });
        }
        Ok(Self { prefix: format!("tokens-{tag}-") })
    }

    /// The file name of a shard.
    pub(crate) fn file_name(&self, number: u64, extension: &str) -> String {
        format!("{}{number:06}.{extension}", self.prefix)
    }

    /// The number after the highest of the shards with this extension that lie in `folder`, 0 where there is none.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn next_number(&self, folder: &Path, extension: &str) -> Result<u64, PackError> {
        let fault = |source| PackError::Folder { path: folder.to_path_buf(), source };
        let mut next = 0;
        for entry in fs::read_dir(folder).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name();
            let number = name.to_str().and_then(|name| self.number(name, extension));
            next = number.map_or(next, |number| next.max(number.saturating_add(1)));
        }
        Ok(next)
    }

    /// The number of the shard of this file name, if it is one of this naming.
    pub fn number(&self, name: &str, extension: &str) -> Option<u64> {
        let digits = name.strip_prefix(&self.prefix)?.strip_suffix(extension)?.strip_suffix('.')?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_goes_on_after_what_is_there_and_tags_keep_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, first) = (PackNaming::default(), PackNaming::tagged("0-of-4").unwrap());
        assert_eq!(plain.next_number(folder.path(), "tar").unwrap(), 0);
        for name in [
            plain.file_name(7, "tar"),
            first.file_name(1_234_567, "tar"),
            plain.file_name(30, "parquet"),
            "tokens-.tar".into(),
            "tokens-99999999999999999999999.tar".into(),
            "other-000050.tar".into(),
        ] {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        assert_eq!(plain.next_number(folder.path(), "tar").unwrap(), 8);
        assert_eq!(first.next_number(folder.path(), "tar").unwrap(), 1_234_568);
        assert_eq!(plain.next_number(folder.path(), "parquet").unwrap(), 31);
        assert!(plain.next_number(&folder.path().join("missing"), "tar").is_err());
        for tag in ["", "a/b", "a.b", "é"] {
            assert!(PackNaming::tagged(tag).is_err(), "{tag}");
        }
    }
}
