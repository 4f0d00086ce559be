//! Rows of data sets.

use std::path::PathBuf;

use super::blob::Blob;
use crate::passed::Passed;

/// A row of a data set.
#[derive(Debug)]
#[non_exhaustive]
pub struct Row {
    /// Key: unique in its data set and the same each time it is read.
    pub key: String,
    /// What is to be processed.
    pub content: Content,
    /// Everything else.
    pub passed: Passed,
}

/// What a row asks to process.
#[derive(Debug)]
#[non_exhaustive]
pub enum Content {
    /// A file inside the data set, with a name whose extension is that of the file.
    Bytes {
        /// Name of the file, for messages.
        name: String,
        /// Its content.
        blob: Blob,
    },
    /// A file next to the data set, or a part of it.
    File {
        /// Path of the file.
        path: PathBuf,
        /// The part; `None` for all.
        segment: Option<Segment>,
    },
}

/// Part of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Start in seconds, 0 or more.
    pub start_seconds: f64,
    /// Length in seconds; `None` up to the end.
    pub duration_seconds: Option<f64>,
}
