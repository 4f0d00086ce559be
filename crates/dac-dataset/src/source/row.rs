//! Rows of data sets.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::blob::Blob;
use crate::parquet::Cells;

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

/// What a row contains in addition to its audio. It passes through to the entry of a pack.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Passed {
    /// Nothing: the input was a plain file.
    #[default]
    Nothing,
    /// Other members of the same key in a tar archive.
    Members(Vec<Member>),
    /// Fields of a manifest, or columns converted to JSON.
    Fields(Map<String, Value>),
    /// Columns of a parquet file with their types.
    Columns(Cells),
}

/// A member of a tar archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Everything after the first dot of its file name.
    pub extension: String,
    /// Its content.
    pub content: Vec<u8>,
}

impl Passed {
    /// Returns a copy, for another piece of the same recording.
    #[must_use]
    pub fn for_piece(&self) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Members(members) => Self::Members(members.clone()),
            Self::Fields(fields) => Self::Fields(fields.clone()),
            Self::Columns(cells) => Self::Columns(cells.clone()),
        }
    }
}
