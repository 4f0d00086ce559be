//! Manifests of an output directory: results of earlier runs, and the file that this run appends to.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use crate::error::{BatchError, error_text, has_io_cause};
use crate::file_stamp::Fingerprint;
use crate::manifest::{
    GrowingIndex, MANIFEST_NAME, ManifestIndex, ManifestWriter, Record, RunMark, RunState,
    partition_manifest_name,
};
use crate::options::BatchOptions;
use crate::shards::cuts_of;

/// Results that manifests list, and the writer of this run's records.
#[derive(Debug)]
pub(crate) struct ManifestStore {
    dir: PathBuf,
    /// Manifest of this run.
    path: PathBuf,
    is_partition: bool,
    /// Results listed when the run started, and those that were looked for again.
    results: RwLock<GrowingIndex>,
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

/// What manifests list about an existing file.
#[derive(Debug)]
pub(crate) enum ListedFile {
    /// The file is the result of this record.
    Result(Box<Record>),
    /// Other results have its name.
    OtherResult,
    Unknown,
}

/// State of an entry of a pack.
#[derive(Debug)]
pub(crate) enum PackedEntry {
    Missing,
    /// In a valid shard.
    Valid(Box<Record>),
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
        let mut results = GrowingIndex::default();
        results.read_dir(dir, &path)?;
        if path.exists() {
            let is_named = options.manifest.is_some();
            let not_a_manifest = |reason: &str| {
                let path = path.display();
                BatchError::Usage(format!("{path} is not a manifest ({reason}); the file was not changed"))
            };
            if is_named && !path.is_file() {
                return Err(not_a_manifest("not a file"));
            }
            let records = results.read_new(&path)?;
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
        Ok(Self {
            dir: dir.clone(),
            path,
            is_partition: options.partition.is_some(),
            results: RwLock::new(results),
            pack_hashes: OnceLock::new(),
            checked_packs: Mutex::default(),
            writer,
        })
    }

    /// Message about malformed lines.
    pub(crate) fn remark(&self) -> Option<String> {
        let lines = self.results().index.malformed_lines();
        (lines > 0).then(|| {
            let dir = self.dir.display();
            format!(
                "warning: ignored {lines} damaged lines of the manifests in {dir}; results that only they \
                 list are not recognised"
            )
        })
    }

    /// A panic cannot leave the index half-changed in a way that matters: its lines are read again.
    fn results(&self) -> RwLockReadGuard<'_, GrowingIndex> {
        self.results.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for a file among the results of a key that were listed when the manifests were read last.
    pub(crate) fn find_file(&self, key: &str, path: &Path) -> ListedFile {
        let results = self.results();
        match results.index.result_of_file(key, path) {
            Some(record) => ListedFile::Result(Box::new(record.clone())),
            None if results.index.contains_key(key) => ListedFile::OtherResult,
            None => ListedFile::Unknown,
        }
    }

    /// Looks for a file in what was appended to the manifests since: another process may have written it.
    pub(crate) fn find_new_file(&self, key: &str, path: &Path) -> Result<Option<Box<Record>>, BatchError> {
        self.read_new_lines()?;
        let results = self.results();
        Ok(results.index.result_of_file(key, path).map(|record| Box::new(record.clone())))
    }

    /// Reports whether a record of a key lists a decoded file with this SHA-256, also in what was appended
    /// since the manifests were read.
    pub(crate) fn lists_decoded_file(&self, key: &str, sha256: &str) -> Result<bool, BatchError> {
        let lists =
            |index: &ManifestIndex| index.results(key).any(|record| record.decoded_sha256() == Some(sha256));
        if lists(&self.results().index) {
            return Ok(true);
        }
        self.read_new_lines()?;
        Ok(lists(&self.results().index))
    }

    /// Reads what was appended to the manifests since they were read, and manifests that are new.
    fn read_new_lines(&self) -> Result<(), BatchError> {
        let mut results = self.results.write().unwrap_or_else(PoisonError::into_inner);
        results.read_dir(&self.dir, &self.path)?;
        if self.path.exists() {
            results.read_new(&self.path)?;
        }
        Ok(())
    }

    /// Shards that manifests list, by file name, each with its recorded SHA-256 hashes.
    pub(crate) fn pack_hashes(&self) -> &HashMap<Arc<str>, HashSet<Box<str>>> {
        self.pack_hashes.get_or_init(|| self.results().index.packs())
    }

    /// Looks up an entry of a pack. Uses the newest record whose shard exists and has the recorded SHA-256;
    /// records of shards that were never renamed into place are ignored.
    pub(crate) fn packed_entry(&self, key: &str, dir: &Path) -> Result<PackedEntry, BatchError> {
        let poisoned = |_| BatchError::internal("the list of checked shards is lost");
        let mut packs = self.checked_packs.lock().map_err(poisoned)?;
        let mut state = PackedEntry::Missing;
        // Checking a shard reads the index, too.
        let records: Vec<Record> = self.results().index.results(key).cloned().collect();
        for record in records {
            let Some(name) = record.pack.as_deref() else { continue };
            let path = dir.join(name);
            match packs.entry(name.to_owned()).or_insert_with(|| self.check_pack(name, &path)) {
                PackState::Valid(sha256) if record.output_sha256.as_deref() == Some(sha256) => {
                    return Ok(PackedEntry::Valid(Box::new(record)));
                }
                PackState::Changed => state = PackedEntry::PackChanged(path),
                PackState::Missing | PackState::Valid(_) => {}
            }
        }
        Ok(state)
    }

    /// Record of an entry of the complete shard at `path`; `None` if there is no such file. Fails if a file
    /// has its name that no manifest lists with its present bytes.
    pub(crate) fn kept_shard(&self, name: &str, path: &Path) -> Result<Option<Box<Record>>, BatchError> {
        let changed = |why: &str| {
            BatchError::Job(format!("{} {why}; remove it and rerun the same command", path.display()))
        };
        match self.check_pack(name, path) {
            PackState::Missing => Ok(None),
            PackState::Changed if self.pack_hashes().contains_key(name) => {
                Err(changed("was changed since it was written"))
            }
            PackState::Changed => Err(changed("exists but no manifest lists it")),
            PackState::Valid(sha256) => {
                let results = self.results();
                Ok(results.index.record_in_pack(name, &sha256).map(|record| Box::new(record.clone())))
            }
        }
    }

    /// Number of rows that failed, so that the shard of this name lacks them, and were not done later.
    pub(crate) fn failed_rows(&self, shard: &str) -> usize {
        self.results().index.failed_rows(shard)
    }

    fn check_pack(&self, name: &str, path: &Path) -> PackState {
        if fs::symlink_metadata(path).is_err() {
            return PackState::Missing;
        }
        if cuts_of(name, path).is_some_and(|cuts| !cuts.exists()) {
            return PackState::Changed;
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
        self.write(|writer| writer.append(records))
    }

    /// Marks the start or the end of the run of a partition. Errors are fatal.
    pub(crate) fn mark_run(&self, state: RunState, jobs: usize) -> Result<(), BatchError> {
        if self.is_partition { self.write(|writer| writer.mark(RunMark::now(state, jobs))) } else { Ok(()) }
    }

    /// Checks that the manifest with this run's records still exists. Errors are fatal.
    pub(crate) fn check_present(&self) -> Result<(), BatchError> {
        self.write(|writer| writer.check_present())
    }

    fn write(
        &self,
        write: impl FnOnce(&mut ManifestWriter) -> Result<(), BatchError>,
    ) -> Result<(), BatchError> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let mut writer = writer
            .lock()
            .map_err(|_| BatchError::Fatal("internal error: the manifest's writer is lost".to_owned()))?;
        write(&mut writer).map_err(|error| match error {
            error if has_io_cause(&error, &[ErrorKind::NotFound]) => BatchError::Fatal(format!(
                "{}; rerun the same command, with --adopt if it left results of a format without metadata \
                 (npy, pt)",
                error_text(&error)
            )),
            error => BatchError::Fatal(error_text(&error)),
        })
    }
}
