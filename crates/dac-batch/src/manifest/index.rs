//! Index of the results that manifests list.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use super::lines::{Line, LinesRead, each_line};
use super::order::position;
use super::record::{Record, Status};
use crate::error::BatchError;

/// Results kept per key. Few were never renamed into place, but a manifest may contain anything.
const MAX_RESULTS_PER_KEY: usize = 32;

/// Successful results of one or more manifests, by key.
///
/// All results of a key are kept, not only the newest: a record is appended before its output is renamed into
/// place, so the existing file may belong to an older one. A later failure does not remove a result. 100,000
/// results take about 50 MB.
#[derive(Debug, Default)]
pub struct ManifestIndex {
    /// Results of each key, oldest first.
    by_key: HashMap<Box<str>, Vec<Listed>>,
    shared_texts: HashSet<Arc<str>>,
    /// Keys of the rows that failed, by the shard that would contain them.
    failed_rows: HashMap<Arc<str>, HashSet<Box<str>>>,
    malformed_lines: usize,
    /// Number of manifests read; the last one is being read.
    manifests: u32,
}

/// Result in a manifest.
#[derive(Debug)]
struct Listed {
    /// Without the fields that later runs do not need.
    record: Record,
    manifest: u32,
}

impl ManifestIndex {
    /// Adds the manifest at `path` and returns its number of records with a key, failures included, and of
    /// marks. Malformed lines are counted and ignored.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&mut self, path: &Path) -> Result<usize, BatchError> {
        let file = File::open(path).map(BufReader::new);
        file.and_then(|file| self.read_from(file)).map_err(|error| BatchError::read(path, error))
    }

    /// Adds a manifest from a reader; otherwise like [`ManifestIndex::read`].
    ///
    /// # Errors
    /// When reading fails.
    pub fn read_from(&mut self, reader: impl BufRead) -> std::io::Result<usize> {
        let manifest = self.add_manifest();
        Ok(self.read_lines(manifest, reader)?.0)
    }

    /// Number for the lines of another manifest.
    pub(super) fn add_manifest(&mut self) -> u32 {
        self.manifests += 1;
        self.manifests
    }

    /// Adds lines of a manifest. Returns its number of records with a key, and of marks.
    pub(super) fn read_lines(
        &mut self,
        manifest: u32,
        reader: impl BufRead,
    ) -> std::io::Result<(usize, LinesRead)> {
        let mut records = 0;
        let read = each_line(reader, |line| match line {
            Line::Record(record, _) => {
                records += usize::from(record.key.is_some());
                self.insert_from(*record, manifest);
            }
            Line::Mark(_) => records += 1,
        })?;
        self.malformed_lines += read.malformed_lines;
        Ok((records, read))
    }

    /// Adds a record if it has a key and its output exists, as the next line of the last manifest.
    pub fn insert(&mut self, record: Record) {
        self.insert_from(record, self.manifests);
    }

    fn insert_from(&mut self, mut record: Record, manifest: u32) {
        if let (Status::Error, Some(shard), Some(key)) = (record.status, &record.pack, &record.key) {
            self.failed_rows.entry(Arc::clone(shard)).or_default().insert(key.clone());
        }
        if !record.is_done() {
            return;
        }
        let Some(key) = record.key.take() else { return };
        (record.input, record.output, record.error) = (Box::default(), None, None);
        record.input_truncated = None;
        for text in [&mut record.pack, &mut record.model, &mut record.weights_sha256, &mut record.settings] {
            self.share(text);
        }
        let results = self.by_key.entry(key).or_default();
        let has_same_output = |Listed { record: known, .. }: &Listed| {
            (&known.pack, &known.output_sha256) == (&record.pack, &record.output_sha256)
                && known.decoded_sha256() == record.decoded_sha256()
        };
        if let Some(index) = results.iter().position(has_same_output) {
            let is_newer =
                |known: &Listed| known.manifest != manifest && known.record.finished_s > record.finished_s;
            if results.get(index).is_some_and(is_newer) {
                return;
            }
            results.remove(index);
        }
        let known = results.iter().map(|known| (known.manifest, known.record.finished_s));
        let position = position(known, manifest, record.finished_s);
        // Most keys have one result.
        results.reserve_exact(1);
        results.insert(position, Listed { record, manifest });
        if results.len() > MAX_RESULTS_PER_KEY {
            results.remove(0);
        }
    }

    /// Replaces a text by the copy that equal texts share.
    fn share(&mut self, text: &mut Option<Arc<str>>) {
        let Some(text) = text else { return };
        match self.shared_texts.get(text) {
            Some(shared) => *text = Arc::clone(shared),
            None => drop(self.shared_texts.insert(Arc::clone(text))),
        }
    }

    /// Results of a key, newest first: later lines of a manifest before earlier ones, and of different
    /// manifests by time. Results with equal output bytes are one.
    pub fn results(&self, key: &str) -> impl Iterator<Item = &Record> {
        self.by_key.get(key).into_iter().flatten().rev().map(|listed| &listed.record)
    }

    /// Newest result of a key that the file at `path` belongs to, by size and SHA-256.
    pub fn result_of_file(&self, key: &str, path: &Path) -> Option<&Record> {
        // The size is compared first because hashing is expensive.
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let has_size = |record: &&Record| record.output_bytes.is_none_or(|bytes| bytes == metadata.len());
        let mut results = self.results(key).filter(has_size).peekable();
        results.peek()?;
        let sha256 = dac::weights::sha256_of_file(path).ok()?;
        results.find(|record| record.output_sha256.as_deref() == Some(sha256.as_str()))
    }

    /// Reports whether the key has a result.
    pub fn contains_key(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    /// Shards of packs that contain results, each with its recorded SHA-256 hashes: more than one if an
    /// interrupted run recorded a shard that was never renamed into place.
    pub fn packs(&self) -> HashMap<Arc<str>, HashSet<Box<str>>> {
        let mut packs: HashMap<Arc<str>, HashSet<Box<str>>> = HashMap::new();
        for Listed { record, .. } in self.by_key.values().flatten() {
            if let (Some(pack), Some(sha256)) = (&record.pack, &record.output_sha256) {
                let hashes = packs.entry(Arc::clone(pack)).or_default();
                if !hashes.contains(sha256) {
                    hashes.insert(sha256.clone());
                }
            }
        }
        packs
    }

    /// Number of rows that failed, so that the shard of this name lacks them, and were not done later.
    pub(crate) fn failed_rows(&self, shard: &str) -> usize {
        let failed = self.failed_rows.get(shard).into_iter().flatten();
        failed.filter(|key| !self.contains_key(key)).count()
    }

    /// Number of keys that have results.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Reports whether no key has a result.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Record of an entry of the shard with this file name and SHA-256.
    pub(crate) fn record_in_pack(&self, name: &str, sha256: &str) -> Option<&Record> {
        let records = self.by_key.values().flatten().map(|listed| &listed.record);
        let is_in = |record: &&Record| {
            record.pack.as_deref() == Some(name) && record.output_sha256.as_deref() == Some(sha256)
        };
        records.into_iter().find(is_in)
    }

    /// Number of lines that were truncated or not records.
    pub fn malformed_lines(&self) -> usize {
        self.malformed_lines
    }
}
