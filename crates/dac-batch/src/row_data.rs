//! Content of a job that is a row of a data set, or a piece of a recording.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use dac::audio::Planar;
use dac_dataset::{Blob, Passed};

use crate::error::BatchError;
use crate::file_stamp::{FileStamp, Fingerprint};

/// What a job works on, if that is not the file at its path, and what passes through to its entry.
#[derive(Debug, Default)]
pub(crate) struct RowData {
    pub(crate) content: RowContent,
    pub(crate) passed: Passed,
    /// What the input is recognised by later; `None` for a job of a file.
    pub(crate) identity: Option<Arc<InputIdentity>>,
}

/// What a job works on.
#[derive(Debug, Default)]
pub(crate) enum RowContent {
    /// The file at the path of the job.
    #[default]
    File,
    /// A file inside a data set.
    Inner(Blob),
    /// A piece of a recording.
    Samples(Samples),
}

/// Samples of a piece of a recording.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// `[channels][samples]`.
    pub(crate) channels: Planar,
    /// Position of the first sample in the recording.
    pub(crate) start: u64,
    pub(crate) rate_hz: u32,
    /// Samples that were damaged and replaced while the piece was read.
    pub(crate) damaged: Option<u64>,
    /// Whether the recording ends within the piece because it is truncated.
    pub(crate) is_truncated: bool,
    /// Warning about the recording.
    pub(crate) warning: Option<String>,
}

/// What an input is recognised by: size, modification time and hash.
#[derive(Debug)]
pub(crate) struct InputIdentity {
    bytes: InputBytes,
    pub(crate) stamp: Option<FileStamp>,
    sha256: OnceLock<String>,
}

#[derive(Debug)]
enum InputBytes {
    File(PathBuf),
    Inner(Blob),
}

impl InputIdentity {
    /// Identity of a recording that several jobs read.
    pub(crate) fn of_file(path: &Path) -> Self {
        let bytes = InputBytes::File(path.to_owned());
        Self { bytes, stamp: FileStamp::of(path).ok(), sha256: OnceLock::new() }
    }

    /// Identity of a file inside a data set that was modified at this time.
    pub(crate) fn of_inner(blob: Blob, modified: Option<SystemTime>) -> Self {
        let stamp = Some(FileStamp::new(blob.bytes(), modified));
        Self { bytes: InputBytes::Inner(blob), stamp, sha256: OnceLock::new() }
    }

    /// Checks that the input did not change since, and returns its size and hash.
    pub(crate) fn verify(&self) -> Result<Fingerprint, BatchError> {
        let path = match &self.bytes {
            InputBytes::File(path) => path.as_path(),
            InputBytes::Inner(_) => Path::new("a temporary copy"),
        };
        let sha256 = self.sha256().map_err(|error| BatchError::read(path, error))?;
        if let (InputBytes::File(path), Some(stamp)) = (&self.bytes, &self.stamp) {
            stamp.check_unchanged(path)?;
        }
        Ok(Fingerprint { bytes: self.stamp.map_or(0, |stamp| stamp.bytes), sha256 })
    }

    /// SHA-256 of the input, which is computed once.
    pub(crate) fn sha256(&self) -> io::Result<String> {
        if let Some(sha256) = self.sha256.get() {
            return Ok(sha256.clone());
        }
        let sha256 = match &self.bytes {
            InputBytes::File(path) => Fingerprint::of(path)?.sha256,
            InputBytes::Inner(blob) => blob.sha256()?,
        };
        Ok(self.sha256.get_or_init(|| sha256).clone())
    }
}
