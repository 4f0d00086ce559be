//! Manifests that other processes append to while a run reads them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::index::ManifestIndex;
use super::locked_file::FileIdentity;
use super::names::manifests_in;
use crate::error::BatchError;

/// Index of the manifests of a directory, which can be brought up to date without reading them again as a
/// whole.
#[derive(Debug, Default)]
pub(crate) struct GrowingIndex {
    pub(crate) index: ManifestIndex,
    files: HashMap<PathBuf, ReadUpTo>,
    /// Modification time of the directory before its manifests were listed.
    dir_modified: Option<SystemTime>,
}

/// Part of a manifest that was read.
#[derive(Debug, Clone, Copy)]
struct ReadUpTo {
    manifest: u32,
    identity: FileIdentity,
    bytes: u64,
}

impl GrowingIndex {
    /// Adds what the manifests of a directory, except the one at `own`, contain in addition to what was read.
    pub(crate) fn read_dir(&mut self, dir: &Path, own: &Path) -> Result<(), BatchError> {
        // Listing a large directory is slow, and a new manifest changes its modification time.
        let modified = fs::metadata(dir).and_then(|found| found.modified()).ok();
        let mut paths: Vec<_> = self.files.keys().cloned().collect();
        if modified.is_none() || modified != self.dir_modified {
            paths = manifests_in(dir)?.into_iter().map(|(_, path)| path).collect();
            self.dir_modified = modified;
        }
        paths.iter().filter(|path| *path != own).try_for_each(|path| self.read_new(path).map(drop))
    }

    /// Adds what the manifest at `path` contains in addition to what was read. Returns the number of records
    /// with a key, and of marks.
    pub(crate) fn read_new(&mut self, path: &Path) -> Result<usize, BatchError> {
        match self.try_read_new(path) {
            // Removed since it was listed: what it contained stays known.
            Err(error) if error.kind() == ErrorKind::NotFound && self.files.contains_key(path) => Ok(0),
            read => read.map_err(|error| BatchError::read(path, error)),
        }
    }

    fn try_read_new(&mut self, path: &Path) -> std::io::Result<usize> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let identity = FileIdentity::of(&metadata);
        let known = self.files.get(path).copied();
        let (manifest, from) = match known {
            Some(known) if known.identity == identity && known.bytes <= metadata.len() => {
                (known.manifest, known.bytes)
            }
            // Replaced by a merge: results that are known already are not added twice.
            Some(known) => (known.manifest, 0),
            None => (self.index.add_manifest(), 0),
        };
        file.seek(SeekFrom::Start(from))?;
        let (records, lines) = self.index.read_lines(manifest, BufReader::new(file))?;
        let bytes = from + lines.complete_bytes;
        self.files.insert(path.to_owned(), ReadUpTo { manifest, identity, bytes });
        Ok(records)
    }
}
