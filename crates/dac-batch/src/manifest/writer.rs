//! Appending records to a manifest.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::record::Record;
use crate::error::BatchError;

/// Manifest opened for appending. Several processes may append to one file: each append is a single write at
/// the end of the file, under a lock where the file system supports locks.
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
    /// When writing fails, for example on a full disk.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> Result<(), BatchError> {
        self.append_lines(records).map_err(|error| BatchError::write(&self.path, error))
    }

    fn append_lines<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record)?;
            lines.push(b'\n');
        }
        // Without locks an append is still a single write; the lock also covers reading the last byte.
        let locked = self.file.lock().is_ok();
        let result = self.ends_with_line_feed().and_then(|complete| {
            if !complete {
                lines.insert(0, b'\n');
            }
            self.file.write_all(&lines)?;
            self.file.sync_data()
        });
        if locked {
            self.file.unlock()?;
        }
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
