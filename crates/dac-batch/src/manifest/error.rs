//! Errors of reading, writing and merging manifests.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A manifest that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The manifest or its directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The manifest or its directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The manifest cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The manifest.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A directory without manifests of partitions has nothing to merge.
    #[error(
        "nothing to merge: the directory '{}' contains no manifest of a partition \
         (.dac-manifest.I-of-N.jsonl)",
        dir.display()
    )]
    NoPartitions {
        /// The directory.
        dir: PathBuf,
    },
    /// The file given as manifest has other content.
    #[error("{} is not a manifest ({reason}); the file was not changed", path.display())]
    NotAManifest {
        /// The file.
        path: PathBuf,
        /// The difference.
        reason: &'static str,
    },
}

impl ManifestError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }
}
