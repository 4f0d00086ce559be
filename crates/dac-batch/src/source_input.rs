//! Data sets among the inputs of a batch.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dac_dataset::{SampleKey, SourceKind};

use crate::manifest::output_key;

/// A data set, whose rows become jobs when they are read.
#[derive(Debug, Clone)]
pub(crate) struct SourceInput {
    pub(crate) path: PathBuf,
    pub(crate) kind: SourceKind,
    /// Size in bytes.
    pub(crate) bytes: u64,
    pub(crate) modified: Option<SystemTime>,
    /// Relative path of the outputs of its rows, and the stem of the shard that keeps its name.
    pub(crate) stem: PathBuf,
    /// Identifies it among the inputs.
    pub(crate) key: String,
}

impl SourceInput {
    /// Describes a file by its name.
    pub(crate) fn new(path: &Path, relative: &Path, bytes: u64) -> Result<Self, String> {
        let (kind, stem) = SourceKind::of_name(path).ok_or("is not a data set")?;
        let stem = relative.with_file_name(stem);
        let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        Ok(Self { path: path.to_owned(), kind, bytes, modified, stem, key: output_key(relative) })
    }

    /// Start of the keys of its rows where they must differ from those of other data sets.
    pub(crate) fn key_prefix(&self) -> String {
        let key = SampleKey::of(&self.stem.join("x")).ok().filter(|_| self.kind.has_local_keys());
        key.and_then(|key| Some(key.as_str().strip_suffix('x')?.to_owned())).unwrap_or_default()
    }

    /// File name of the shard that keeps the name of this data set. Directories become part of the name.
    pub(crate) fn shard_stem(&self) -> String {
        let parts: Vec<_> = self.stem.iter().map(OsStr::to_string_lossy).collect();
        parts.join("-")
    }
}
