//! Content of a member of a data set: in memory, or in a temporary file if it is large.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use dac_atomic::TemporaryCopy;

/// Largest content that is kept in memory.
const MAX_MEMORY_BYTES: u64 = 16 << 20;

/// Bytes of a file inside a data set. Clones share them.
#[derive(Debug, Clone)]
pub struct Blob(Storage);

#[derive(Debug, Clone)]
enum Storage {
    Memory(Arc<[u8]>),
    File(TemporaryCopy),
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
        Ok(Self(Storage::File(TemporaryCopy::of(Cursor::new(head).chain(reader))?)))
    }

    /// Number of bytes.
    pub fn bytes(&self) -> u64 {
        match &self.0 {
            Storage::Memory(bytes) => bytes.len() as u64,
            Storage::File(copy) => copy.bytes(),
        }
    }

    /// Opens the content at its beginning. Readers are independent of each other.
    pub fn open(&self) -> BlobReader {
        match &self.0 {
            Storage::Memory(bytes) => BlobReader(Source::Memory(Cursor::new(Arc::clone(bytes)))),
            Storage::File(copy) => BlobReader(Source::File(copy.clone())),
        }
    }

    /// SHA-256 in lower-case hexadecimal.
    ///
    /// # Errors
    /// Fails if the temporary file cannot be read.
    pub fn sha256(&self) -> io::Result<String> {
        dac_atomic::sha256(&mut self.open())
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
    File(TemporaryCopy),
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Memory(cursor) => cursor.read(buffer),
            Source::File(copy) => copy.read(buffer),
        }
    }
}

impl Seek for BlobReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Source::Memory(cursor) => cursor.seek(to),
            Source::File(copy) => copy.seek(to),
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
            assert_eq!(matches!(blob.0, Storage::File(_)), length as u64 > MAX_MEMORY_BYTES);
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
