//! Appending records, each whole or not at all for whoever reads later.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::{ManifestError, Record};

/// A manifest that is appended to. Several processes may append to one file: each append is one write at the file's end, under
/// a lock where the file system has locks.
#[derive(Debug)]
pub struct ManifestWriter {
    file: File,
    path: PathBuf,
}

impl ManifestWriter {
    /// Opens the manifest at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn open(path: &Path) -> Result<Self, ManifestError> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let file = file.map_err(|error| ManifestError::write(path, error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends records, in one write, and brings them to the disk.
    ///
    /// # Errors
    /// When the disk is full, or the file is gone.
    pub fn append<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> Result<(), ManifestError> {
        self.append_lines(records).map_err(|error| ManifestError::write(&self.path, error))
    }

    fn append_lines<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record)?;
            lines.push(b'\n');
        }
        // Without locks an append is still one write; what they add is the look at the last byte.
        let locked = self.file.lock().is_ok();
        let result = self.begins_line().and_then(|begins| {
            if !begins {
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

    /// Whether the file's end is the beginning of a line: not so after a write that a power cut or a full disk ended.
    fn begins_line(&mut self) -> io::Result<bool> {
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
    use crate::Entries;

    fn record(key: &str) -> Record {
        Record { key: Some(key.to_owned()), output_sha256: Some("0".repeat(64)), ..Record::default() }
    }

    #[test]
    fn a_cut_line_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.jsonl");
        ManifestWriter::open(&path).unwrap().append([&record("a")]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, [&whole, &whole[..cut]].concat()).unwrap();
            ManifestWriter::open(&path).unwrap().append([&record("b")]).unwrap();
            let mut entries = Entries::default();
            entries.read(&path).unwrap();
            assert!(entries.knows("a") && entries.knows("b"), "{cut}");
            // The whole line without its end is a record too.
            let spoilt = usize::from(cut > 0 && cut < whole.len() - 1);
            assert_eq!(entries.unreadable_lines(), spoilt, "{cut}");
        }
    }

    #[test]
    fn several_writers_share_a_file() {
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
        let mut entries = Entries::default();
        entries.read(&path).unwrap();
        assert_eq!((entries.len(), entries.unreadable_lines()), (200, 0));
    }
}
