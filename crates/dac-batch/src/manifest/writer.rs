//! Appending records to a manifest.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::ManifestError;
use super::record::Record;

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
    pub fn open(path: &Path) -> Result<Self, ManifestError> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let file = file.map_err(|error| ManifestError::write(path, error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends records in one write and syncs them to disk.
    ///
    /// # Errors
    /// When writing fails, for example on a full disk.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> Result<(), ManifestError> {
        self.append_lines(records).map_err(|error| ManifestError::write(&self.path, error))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManifestIndex;

    fn record(key: &str) -> Record {
        Record { key: Some(key.into()), output_sha256: Some("0".repeat(64).into()), ..Record::default() }
    }

    #[test]
    fn a_truncated_line_does_not_affect_other_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.jsonl");
        ManifestWriter::open(&path).unwrap().append([&record("a")]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, [&whole, &whole[..length]].concat()).unwrap();
            ManifestWriter::open(&path).unwrap().append([&record("b")]).unwrap();
            let mut index = ManifestIndex::default();
            index.read(&path).unwrap();
            assert!(index.contains_key("a") && index.contains_key("b"), "{length}");
            // A complete line without its line feed is a valid record.
            let malformed = usize::from(length > 0 && length < whole.len() - 1);
            assert_eq!(index.malformed_lines(), malformed, "{length}");
        }
    }

    #[test]
    fn several_writers_can_append_to_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.jsonl");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let mut file = ManifestWriter::open(path).unwrap();
                    for n in 0..25 {
                        file.append([&record(&format!("{writer}-{n}")), &record(&format!("{writer}-{n}b"))])
                            .unwrap();
                    }
                });
            }
        });
        let mut index = ManifestIndex::default();
        index.read(&path).unwrap();
        assert_eq!((index.len(), index.malformed_lines()), (200, 0));
    }
}
