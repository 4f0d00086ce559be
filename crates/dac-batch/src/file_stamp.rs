//! Snapshots of files, to detect changes while a file is read.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::BatchError;

/// Size and modification time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    pub(crate) bytes: u64,
    modified: Option<SystemTime>,
}

/// Size and SHA-256 of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl FileStamp {
    /// Stamp of a file inside another.
    pub(crate) fn new(bytes: u64, modified: Option<SystemTime>) -> Self {
        Self { bytes, modified }
    }

    /// Takes the stamp of the file at `path`.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified().ok() })
    }

    /// Modification time in seconds since 1970.
    pub(crate) fn modified_s(&self) -> Option<f64> {
        seconds_since_1970(self.modified?)
    }

    /// Checks that the file at `path` has not changed since.
    pub(crate) fn check_unchanged(&self, path: &Path) -> Result<(), BatchError> {
        let now = Self::of(path).map_err(|error| BatchError::read(path, error))?;
        if now == *self {
            return Ok(());
        }
        let change = match (self.bytes, now.bytes) {
            (before, now) if before != now => format!("from {before} to {now} bytes"),
            (bytes, _) => format!("within its {bytes} bytes"),
        };
        Err(BatchError::Job(format!(
            "{} changed {change} while it was read; its output was discarded",
            path.display()
        )))
    }
}

impl Fingerprint {
    /// Reads and hashes the file at `path`.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { bytes: fs::metadata(path)?.len(), sha256: dac::weights::sha256_of_file(path)? })
    }
}

/// Reports whether the file at `path` has this size, where known, and this SHA-256.
pub(crate) fn file_matches(path: &Path, bytes: Option<u64>, sha256: Option<&str>) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    let has_size = metadata.is_file() && bytes.is_none_or(|bytes| bytes == metadata.len());
    has_size && Fingerprint::of(path).is_ok_and(|found| sha256 == Some(found.sha256.as_str()))
}

pub(crate) fn seconds_since_1970(time: SystemTime) -> Option<f64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
}
