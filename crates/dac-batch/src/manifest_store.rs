//! Manifests of an output directory: results of earlier runs, and the file that this run appends to.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use crate::error::{BatchError, error_text};
use crate::file_stamp::Fingerprint;
use crate::manifest::{
    MANIFEST_NAME, ManifestIndex, ManifestWriter, Record, manifests_in, partition_manifest_name,
};
use crate::options::BatchOptions;

/// Results listed when the run started, and the writer of this run's records.
#[derive(Debug)]
pub(crate) struct ManifestStore {
    pub(crate) results: ManifestIndex,
    /// Recorded SHA-256 hashes of each shard.
    pack_hashes: OnceLock<HashMap<Arc<str>, HashSet<Box<str>>>>,
    /// Shards checked so far, by file name: each is hashed once, not once per entry.
    checked_packs: Mutex<HashMap<String, PackState>>,
    /// `None` in a dry run.
    writer: Option<Mutex<ManifestWriter>>,
}

/// State of a shard that a manifest lists.
#[derive(Debug, Clone, PartialEq, Eq)]
enum PackState {
    Missing,
    /// Its SHA-256 is one of the recorded ones.
    Valid(String),
    Changed,
}

/// State of an entry of a pack.
#[derive(Debug)]
pub(crate) enum PackedEntry<'a> {
    Missing,
    /// In a valid shard.
    Valid(&'a Record),
    /// In a shard that was changed after it was recorded.
    PackChanged(PathBuf),
}

impl ManifestStore {
    /// Reads all manifests of the output directory, this run's own last, and opens that one for appending: a
    /// run whose records cannot be stored must not start, nor one whose [`BatchOptions::manifest`] is a file
    /// with other content.
    pub(crate) fn open(options: &BatchOptions) -> Result<Self, BatchError> {
        let dir = &options.output_dir;
        let path = options.manifest.clone().unwrap_or_else(|| match options.partition {
            Some(partition) => dir.join(partition_manifest_name(partition)),
            None => dir.join(MANIFEST_NAME),
        });
        let mut results = ManifestIndex::default();
        for (_, other) in manifests_in(dir)?.iter().filter(|(_, other)| *other != path) {
            results.read(other)?;
        }
        if path.exists() {
            let is_named = options.manifest.is_some();
            let not_a_manifest = |reason: &str| {
                let path = path.display();
                BatchError::Usage(format!("{path} is not a manifest ({reason}); the file was not changed"))
            };
            if is_named && !path.is_file() {
                return Err(not_a_manifest("not a file"));
            }
            let records = results.read(&path)?;
            // Appending to another file, named by mistake, would damage it.
            if is_named && records == 0 && fs::metadata(&path).is_ok_and(|found| found.len() > 0) {
                return Err(not_a_manifest("no line is a record"));
            }
        }
        let open_writer = || {
            ManifestWriter::open(&path).map_err(|error| match &options.manifest {
                Some(_) => BatchError::Usage(error.to_string()),
                None => error,
            })
        };
        let writer = if options.dry_run { None } else { Some(Mutex::new(open_writer()?)) };
        Ok(Self { results, pack_hashes: OnceLock::new(), checked_packs: Mutex::default(), writer })
    }

    /// Message about malformed lines.
    pub(crate) fn remark(&self) -> Option<String> {
        let lines = self.results.malformed_lines();
        (lines > 0).then(|| format!("ignored malformed manifest lines: {lines}"))
    }

    /// Shards that manifests list, by file name, each with its recorded SHA-256 hashes.
    pub(crate) fn pack_hashes(&self) -> &HashMap<Arc<str>, HashSet<Box<str>>> {
        self.pack_hashes.get_or_init(|| self.results.packs())
    }

    /// Looks up an entry of a pack. Uses the newest record whose shard exists and has the recorded SHA-256;
    /// records of shards that were never renamed into place are ignored.
    pub(crate) fn packed_entry(&self, key: &str, dir: &Path) -> Result<PackedEntry<'_>, BatchError> {
        let poisoned = |_| BatchError::internal("the list of checked shards is lost");
        let mut packs = self.checked_packs.lock().map_err(poisoned)?;
        let mut state = PackedEntry::Missing;
        for record in self.results.results(key) {
            let Some(name) = record.pack.as_deref() else { continue };
            let path = dir.join(name);
            match packs.entry(name.to_owned()).or_insert_with(|| self.check_pack(name, &path)) {
                PackState::Valid(sha256) if record.output_sha256.as_deref() == Some(sha256) => {
                    return Ok(PackedEntry::Valid(record));
                }
                PackState::Changed => state = PackedEntry::PackChanged(path),
                PackState::Missing | PackState::Valid(_) => {}
            }
        }
        Ok(state)
    }

    fn check_pack(&self, name: &str, path: &Path) -> PackState {
        if fs::symlink_metadata(path).is_err() {
            return PackState::Missing;
        }
        let is_listed =
            |sha256: &str| self.pack_hashes().get(name).is_some_and(|hashes| hashes.contains(sha256));
        match Fingerprint::of(path) {
            Ok(found) if is_listed(&found.sha256) => PackState::Valid(found.sha256),
            _ => PackState::Changed,
        }
    }

    /// Appends records and syncs them to disk; does nothing in a dry run. Errors are fatal.
    pub(crate) fn append<'r>(&self, records: impl IntoIterator<Item = &'r Record>) -> Result<(), BatchError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let mut writer = writer
            .lock()
            .map_err(|_| BatchError::Fatal("internal error: the manifest's writer is lost".to_owned()))?;
        writer.append(records).map_err(|error| BatchError::Fatal(error_text(&error)))
    }
}
