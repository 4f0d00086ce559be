//! Parts of a job that run on their own, and what their manifests are called.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::ManifestError;

/// What the manifest of a whole job is called.
pub const MANIFEST_NAME: &str = ".dac-manifest.jsonl";

const PREFIX: &str = ".dac-manifest.";
const SUFFIX: &str = ".jsonl";

/// One of the parts that a job is split into, written `I/N` with I from 0 to N - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    index: u32,
    count: u32,
}

impl Shard {
    /// Part `index` of `count`; `None` where there is no such part.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Which part, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Of how many.
    pub fn count(self) -> u32 {
        self.count
    }

    /// Whether the file of this key is in the part. It depends on the key and the number of parts alone, so that files which
    /// are added move no others, on whichever machine.
    pub fn takes(self, key: &str) -> bool {
        let digest = Sha256::digest(key.as_bytes());
        let head = digest.iter().take(8).fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        head % u64::from(self.count) == u64::from(self.index)
    }

    /// What the part's manifest is called.
    pub fn manifest_name(self) -> String {
        format!("{PREFIX}{}-of-{}{SUFFIX}", self.index, self.count)
    }

    /// The part whose manifest has this name.
    pub fn of_manifest(name: &str) -> Option<Self> {
        let (index, count) = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once("-of-")?;
        Self::new(index.parse().ok()?, count.parse().ok()?)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, ManifestError> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            Self::new(index.trim().parse().ok()?, count.trim().parse().ok()?)
        };
        parse().ok_or_else(|| ManifestError::Shard { text: text.to_owned() })
    }
}

/// The manifests in a folder: that of the whole job first, then those of its shards in order.
///
/// # Errors
/// When the folder cannot be read; one that is not there holds none.
pub fn manifests_in(folder: &Path) -> Result<Vec<(Option<Shard>, PathBuf)>, ManifestError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(ManifestError::read(folder, error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| ManifestError::read(folder, error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let shard = Shard::of_manifest(name);
        if shard.is_some() || name == MANIFEST_NAME {
            found.push((shard, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_come_back() {
        let shard: Shard = "3/16".parse().unwrap();
        assert_eq!((shard.index(), shard.count(), shard.to_string()), (3, 16, "3/16".to_owned()));
        assert_eq!(shard.manifest_name(), ".dac-manifest.3-of-16.jsonl");
        assert_eq!(Shard::of_manifest(&shard.manifest_name()), Some(shard));
        assert_eq!(Shard::of_manifest(MANIFEST_NAME), None);
        for wrong in ["", "3", "4/4", "-1/2", "0/0", "1/2/3", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_key_is_in_one_part_and_parts_are_alike() {
        let parts: Vec<_> = (0..4).map(|index| Shard::new(index, 4).unwrap()).collect();
        let mut sizes = [0; 4];
        for n in 0..4000 {
            let key = format!("speaker{}/clip-{n}.dac", n % 37);
            let takers: Vec<_> = parts.iter().filter(|shard| shard.takes(&key)).collect();
            assert_eq!(takers.len(), 1, "{key}");
            sizes[takers[0].index() as usize] += 1;
        }
        assert!(sizes.iter().all(|size| (900..1100).contains(size)), "{sizes:?}");
        // Fixed for ever: jobs go on with later versions.
        assert!(Shard::new(0, 7).unwrap().takes("a.dac"));
    }
}
