//! Choice among the records of a key in a merge.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::names::path_of_key;
use super::order::position;
use super::record::{Record, Status};
use crate::error::error_text_of_file;

/// Records of all keys.
#[derive(Default)]
pub(super) struct Candidates {
    /// Records of each key, oldest first: one per result, and the last failure.
    by_key: BTreeMap<Box<str>, Vec<Candidate>>,
}

/// Record with what identifies its result.
struct Candidate {
    manifest: u32,
    /// Unknown in records of early versions.
    finished_s: Option<f64>,
    is_done: bool,
    pack: Option<Box<str>>,
    bytes: Option<u64>,
    sha256: Option<Box<str>>,
    /// Extension and size of the decoded file of a round trip.
    decoded: Option<(OsString, u64)>,
    error: Option<Box<str>>,
    line: Vec<u8>,
}

/// Records for a merged manifest.
#[derive(Default)]
pub(super) struct Chosen {
    /// One line per key, sorted by key.
    pub(super) lines: Vec<Vec<u8>>,
    /// Number of keys whose result exists.
    pub(super) done: usize,
    /// Keys whose record reports success, but whose result does not exist.
    pub(super) without_result: Vec<String>,
    /// Last error of each key that only failed.
    pub(super) errors: Vec<String>,
}

impl Candidates {
    /// Adds the next record of a manifest, whose line is `line`. Returns whether it has a key.
    pub(super) fn add(&mut self, record: Record, line: &[u8], manifest: u32) -> bool {
        let Some(key) = record.key else { return false };
        let candidate = Candidate {
            manifest,
            finished_s: record.finished_s,
            is_done: matches!(record.status, Status::Ok | Status::Skipped),
            pack: record.pack.map(|pack| pack.as_ref().into()),
            bytes: record.output_bytes,
            sha256: record.output_sha256,
            decoded: record.roundtrip.map(|roundtrip| {
                let extension = Path::new(&roundtrip.decoded).extension().unwrap_or_default();
                (extension.to_owned(), roundtrip.decoded_bytes)
            }),
            error: record.error.map(|error| error_text_of_file(&record.input, &error).into()),
            line: line.to_vec(),
        };
        let known = self.by_key.entry(key).or_default();
        let is_same = |other: &Candidate| {
            other.is_done == candidate.is_done
                && (!other.is_done || (&other.pack, &other.sha256) == (&candidate.pack, &candidate.sha256))
        };
        if let Some(index) = known.iter().position(is_same) {
            let is_newer =
                |other: &Candidate| other.manifest != manifest && other.finished_s > candidate.finished_s;
            if known.get(index).is_some_and(is_newer) {
                return true;
            }
            known.remove(index);
        }
        let times = known.iter().map(|other| (other.manifest, other.finished_s));
        known.insert(position(times, manifest, candidate.finished_s), candidate);
        true
    }

    /// Chooses the record of each key whose result exists in `dir`, else the last failure, else the last
    /// record.
    pub(super) fn choose(self, dir: &Path) -> Chosen {
        let mut results = Results { dir, files: HashMap::new() };
        let mut chosen = Chosen::default();
        for (key, mut candidates) in self.by_key {
            let done: Vec<_> = (0..candidates.len()).rev().filter(|&i| candidates[i].is_done).collect();
            let several = done.len() > 1;
            let existing = done.iter().copied().find(|&i| results.exists(&key, &candidates[i], several));
            let failure = candidates.iter().rposition(|candidate| !candidate.is_done);
            match (existing, failure) {
                (Some(_), _) => chosen.done += 1,
                (None, Some(index)) => {
                    let error = candidates[index].error.take().unwrap_or(key);
                    chosen.errors.push(error.into());
                }
                (None, None) => chosen.without_result.push(key.into()),
            }
            let index = existing.or(failure).unwrap_or(candidates.len() - 1);
            chosen.lines.push(candidates.swap_remove(index).line);
        }
        chosen
    }
}

/// Result files in a directory.
struct Results<'a> {
    dir: &'a Path,
    /// Size and, where needed, SHA-256 of the shards seen so far.
    files: HashMap<PathBuf, FoundFile>,
}

/// File that may be a result.
#[derive(Default)]
struct FoundFile {
    /// `None` if there is no file.
    bytes: Option<u64>,
    sha256: Option<Option<String>>,
}

impl Results<'_> {
    /// Reports whether the result of a record exists, by its size and, if that `must_hash`, by its SHA-256.
    fn exists(&mut self, key: &str, candidate: &Candidate, must_hash: bool) -> bool {
        let relative = match &candidate.pack {
            Some(pack) => path_of_key(pack),
            None => path_of_key(key),
        };
        let Some(path) = relative.map(|relative| self.dir.join(relative)) else { return false };
        if let Some((extension, bytes)) = &candidate.decoded
            && file_bytes(&path.with_extension(extension)) != Some(*bytes)
        {
            return false;
        }
        let found = if candidate.pack.is_some() {
            self.files.entry(path.clone()).or_insert_with(|| FoundFile::of(&path))
        } else {
            &mut FoundFile::of(&path)
        };
        let has_size = |bytes: u64| candidate.bytes.is_none_or(|expected| expected == bytes);
        if !found.bytes.is_some_and(has_size) {
            return false;
        }
        let Some(expected) = candidate.sha256.as_deref().filter(|_| must_hash) else { return true };
        let sha256 = found.sha256.get_or_insert_with(|| dac::weights::sha256_of_file(&path).ok());
        sha256.as_deref() == Some(expected)
    }
}

impl FoundFile {
    fn of(path: &Path) -> Self {
        Self { bytes: file_bytes(path), sha256: None }
    }
}

fn file_bytes(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.len())
}
