//! What can go wrong with a manifest.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A manifest that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The manifest or its folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The manifest.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is nothing to merge.
    #[error("{}: holds no manifest of a shard (.dac-manifest.I-of-N.jsonl)", folder.display())]
    NoShards {
        /// The folder.
        folder: PathBuf,
    },
    /// A shard that is not written as `I/N`.
    #[error("{text:?} is no shard: expected I/N with I from 0 to N - 1, as in 0/4")]
    Shard {
        /// What was given.
        text: String,
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
