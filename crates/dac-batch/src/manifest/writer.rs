//! Appending records to a manifest.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::locked_file::{is_current, lock_current};
use super::record::Record;
use super::run_mark::RunMark;
use crate::error::BatchError;

/// Manifest opened for appending. Several processes may append to one file: each append is a single write at
/// the end of the file, under a lock where the file system supports locks. A merge that replaces the file
/// holds the same lock, and later records go to the new file.
#[derive(Debug)]
pub struct ManifestWriter {
    file: File,
    path: PathBuf,
}

impl ManifestWriter {
    /// Opens the manifest at `path` and creates it if necessary.
    ///
    /// # Errors
    /// When it cannot be created or written.
    pub fn open(path: &Path) -> Result<Self, BatchError> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let file = file.map_err(|error| BatchError::write(path, error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends records in one write and syncs them to disk.
    ///
    /// # Errors
    /// When writing fails, for example on a full disk, or the manifest was removed.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> Result<(), BatchError> {
        self.append_lines(records).map_err(|error| BatchError::write(&self.path, error))
    }

    /// Appends a mark of a run.
    ///
    /// # Errors
    /// As [`ManifestWriter::append`].
    pub fn mark(&mut self, mark: RunMark) -> Result<(), BatchError> {
        self.append_lines([mark]).map_err(|error| BatchError::write(&self.path, error))
    }

    /// Checks that the manifest still exists.
    ///
    /// # Errors
    /// When it was removed.
    pub fn check_present(&self) -> Result<(), BatchError> {
        is_current(&self.file, &self.path).map(drop).map_err(|error| BatchError::write(&self.path, error))
    }

    fn append_lines<T: Serialize>(&mut self, items: impl IntoIterator<Item = T>) -> io::Result<()> {
        let mut lines = Vec::new();
        for item in items {
            serde_json::to_writer(&mut lines, &item)?;
            lines.push(b'\n');
        }
        let reopen = |path: &Path| OpenOptions::new().read(true).append(true).open(path);
        // Without locks an append is still a single write; the lock also covers reading the last byte.
        self.file = lock_current(self.file.try_clone()?, &self.path, reopen)?;
        let result = self.ends_with_line_feed().and_then(|complete| {
            if !complete {
                lines.insert(0, b'\n');
            }
            self.file.write_all(&lines)?;
            self.file.sync_data()
        });
        let _ = self.file.unlock();
        result
    }

    /// Reports whether the file is empty or ends with a line feed: not so after a write that a power failure
    /// or a full disk truncated.
    fn ends_with_line_feed(&mut self) -> io::Result<bool> {
        if self.file.seek(SeekFrom::End(0))? == 0 {
            return Ok(true);
        }
        self.file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        self.file.read_exact(&mut last)?;
        Ok(last == *b"\n")
    }
}
