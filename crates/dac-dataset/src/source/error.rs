//! Errors of reading a data set.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Reason why a data set, or one of its rows, cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file cannot be read, is truncated or damaged. No more rows can be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The file does not have the expected content. No more rows can be read.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
    },
    /// One row cannot be used; the next ones can.
    #[error("{}: {problem}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Key of the row, or its position.
        key: String,
        /// What was found and what was expected.
        problem: String,
    },
}

impl SourceError {
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(super) fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.into() }
    }

    pub(super) fn row(path: &Path, key: impl Into<String>, problem: impl Into<String>) -> Self {
        let key = key.into();
        let problem = format!("{key}: {}", problem.into());
        Self::Row { path: path.to_owned(), key, problem }
    }

    /// Reports whether no more rows can be read.
    pub fn ends_source(&self) -> bool {
        !matches!(self, Self::Row { .. })
    }
}
