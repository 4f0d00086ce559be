//! Content of a member of a data set: in memory, or in a temporary file if it is large.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// Largest content that is kept in memory.
const MAX_MEMORY_BYTES: u64 = 16 << 20;

/// Bytes of a file inside a data set. Clones share them.
#[derive(Debug, Clone)]
pub struct Blob(Storage);

#[derive(Debug, Clone)]
enum Storage {
    Memory(Arc<[u8]>),
    /// An unnamed temporary file, which the system removes when the program ends in any way.
    File {
        file: Arc<Mutex<File>>,
        bytes: u64,
    },
}

impl Blob {
    /// Copies a reader to its end; more than 16 MiB go to a temporary file.
    ///
    /// # Errors
    /// Fails if reading, or writing the temporary file, fails.
    pub fn copy(reader: &mut impl Read) -> io::Result<Self> {
        let mut head = Vec::new();
        reader.by_ref().take(MAX_MEMORY_BYTES + 1).read_to_end(&mut head)?;
        if head.len() as u64 <= MAX_MEMORY_BYTES {
            return Ok(Self(Storage::Memory(head.into())));
        }
        let mut file = tempfile::tempfile()?;
        file.write_all(&head)?;
        let bytes = head.len() as u64 + io::copy(reader, &mut file)?;
        Ok(Self(Storage::File { file: Arc::new(Mutex::new(file)), bytes }))
    }

    /// Number of bytes.
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Storage::Memory(bytes) => bytes.len() as u64,
            Storage::File { bytes, .. } => *bytes,
        }
    }

    /// Opens the content at its beginning. Readers are independent of each other.
    pub fn open(&self) -> BlobReader {
        match &self.0 {
            Storage::Memory(bytes) => BlobReader(Source::Memory(Cursor::new(Arc::clone(bytes)))),
            Storage::File { file, bytes } => {
                BlobReader(Source::File { file: Arc::clone(file), bytes: *bytes, position: 0 })
            }
        }
    }

    /// SHA-256 in lower-case hexadecimal.
    ///
    /// # Errors
    /// Fails if the temporary file cannot be read.
    pub fn sha256(&self) -> io::Result<String> {
        let mut hasher = Sha256::new();
        match &self.0 {
            Storage::Memory(bytes) => hasher.update(bytes),
            Storage::File { .. } => {
                let mut reader = self.open();
                let mut block = vec![0; 1 << 16];
                loop {
                    let read = reader.read(&mut block)?;
                    if read == 0 {
                        break;
                    }
                    hasher.update(block.get(..read).unwrap_or_default());
                }
            }
        }
        Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Storage::Memory(bytes.into()))
    }
}

/// Reader of a [`Blob`].
#[derive(Debug)]
pub struct BlobReader(Source);

#[derive(Debug)]
enum Source {
    Memory(Cursor<Arc<[u8]>>),
    File { file: Arc<Mutex<File>>, bytes: u64, position: u64 },
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Memory(cursor) => cursor.read(buffer),
            Source::File { file, position, .. } => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(*position))?;
                let read = file.read(buffer)?;
                *position += read as u64;
                Ok(read)
            }
        }
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Source::Memory(cursor) => cursor.seek(to),
            Source::File { bytes, position, .. } => {
                let target = match to {
                    SeekFrom::Start(target) => Some(target),
                    SeekFrom::Current(by) => position.checked_add_signed(by),
                    SeekFrom::End(by) => bytes.checked_add_signed(by),
                };
                *position = target.ok_or(io::ErrorKind::InvalidInput)?;
                Ok(*position)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_content_is_kept_in_a_file_and_read_back() {
        for length in [0, 5, (MAX_MEMORY_BYTES + 7) as usize] {
            let content: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let blob = Blob::copy(&mut content.as_slice()).unwrap();
            assert_eq!(matches!(blob.0, Storage::File { .. }), length as u64 > MAX_MEMORY_BYTES);
            assert_eq!(blob.bytes(), length as u64);
            let mut read = Vec::new();
            blob.open().read_to_end(&mut read).unwrap();
            assert!(read == content);
            let mut reader = blob.open();
            reader.seek(SeekFrom::End(-3)).unwrap_or(0);
            let mut tail = Vec::new();
            reader.read_to_end(&mut tail).unwrap();
            assert_eq!(tail, content[content.len().saturating_sub(3)..]);
            assert_eq!(blob.sha256().unwrap(), Blob::from(content).sha256().unwrap());
        }
    }
}
