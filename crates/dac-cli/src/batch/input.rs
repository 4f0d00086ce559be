//! An input as it was when its work began, and whether it still is.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Error, anyhow};

/// What a file system says of a file, by which a change shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// What is said of the file at `path` now.
    ///
    /// # Errors
    /// When nothing can be said of it.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self { bytes: found.len(), modified: found.modified().ok() })
    }

    /// When the file was last changed, in seconds since 1970.
    pub(super) fn modified_s(&self) -> Option<f64> {
        seconds(self.modified?)
    }

    /// Demands that the file at `path` was not changed meanwhile: else what was read of it first and last need not go together.
    ///
    /// # Errors
    /// When it was changed or is gone.
    pub(super) fn demand(&self, path: &Path) -> Result<(), Error> {
        let now = Self::of(path).with_context(|| path.display().to_string())?;
        if now == *self {
            return Ok(());
        }
        let how = match (self.bytes, now.bytes) {
            (before, now) if before != now => format!("from {before} to {now} bytes"),
            (bytes, _) => format!("within its {bytes} bytes"),
        };
        Err(anyhow!("{}: changed {how} while it was read; nothing of it is kept", path.display()))
    }
}

/// The time in seconds since 1970.
pub(super) fn now_s() -> Option<f64> {
    seconds(SystemTime::now())
}

fn seconds(time: SystemTime) -> Option<f64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs_f64())
}
