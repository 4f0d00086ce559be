//! Buffered forward reading with look-ahead, for the demuxers.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::AudioError;

/// Smallest number of bytes that are read at once.
const READ_BYTES: usize = 1 << 16;
/// Largest number of bytes that are read at once.
const MAX_READ_BYTES: usize = 1 << 20;

/// A seekable source of bytes.
pub(super) trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// Seekable content of a file inside another.
pub(super) trait InnerFile: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> InnerFile for T {}

/// Seekable bytes of a file with look-ahead.
pub(super) struct ByteStream {
    source: Box<dyn Source>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were consumed.
    used: usize,
    /// Offset of the next byte in the file.
    position: u64,
    /// Size of the file in bytes.
    length: u64,
}

impl ByteStream {
    /// Reads `source`, whose length is `length` bytes, from its beginning.
    pub(super) fn new(source: Box<dyn Source>, path: &Path, length: u64) -> Self {
        Self { source, path: path.to_owned(), buffer: Vec::new(), used: 0, position: 0, length }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the next `count` bytes without consuming them, fewer at the end of the file.
    pub(super) fn peek(&mut self, count: usize) -> Result<&[u8], AudioError> {
        if self.buffer.len() - self.used < count {
            self.buffer.drain(..self.used);
            self.used = 0;
            while self.buffer.len() < count {
                // A file may be shorter than its headers promise, so that memory is taken piece by piece.
                let wanted = (count - self.buffer.len()).clamp(READ_BYTES, MAX_READ_BYTES);
                if self.read_more(wanted).map_err(|error| AudioError::read(&self.path, error))? == 0 {
                    break;
                }
            }
        }
        let end = self.buffer.len().min(self.used + count);
        Ok(self.buffer.get(self.used..end).unwrap_or_default())
    }

    fn read_more(&mut self, wanted: usize) -> io::Result<usize> {
        let start = self.buffer.len();
        self.buffer.resize(start + wanted, 0);
        let read = loop {
            match self.source.read(self.buffer.get_mut(start..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(start + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Consumes `count` bytes that were peeked.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.buffer.len() - self.used);
        self.used += count;
        self.position += count as u64;
    }

    /// Reads `count` bytes, fewer at the end of the file.
    pub(super) fn take(&mut self, count: usize) -> Result<Vec<u8>, AudioError> {
        let bytes = self.peek(count)?.to_vec();
        self.consume(bytes.len());
        Ok(bytes)
    }

    /// Skips `count` bytes, at most to the end of the file.
    pub(super) fn skip(&mut self, count: u64) -> Result<(), AudioError> {
        self.seek(self.position.saturating_add(count))
    }

    /// Moves to an offset, at most the end of the file.
    pub(super) fn seek(&mut self, offset: u64) -> Result<(), AudioError> {
        let offset = offset.min(self.length);
        let ahead = offset.checked_sub(self.position).and_then(|ahead| usize::try_from(ahead).ok());
        match ahead {
            Some(ahead) if ahead <= self.buffer.len() - self.used => self.used += ahead,
            _ => {
                self.source.seek(SeekFrom::Start(offset)).map_err(|e| AudioError::read(&self.path, e))?;
                self.buffer.clear();
                self.used = 0;
            }
        }
        self.position = offset;
        Ok(())
    }

    /// Returns the source at the current position.
    pub(super) fn into_reader(mut self) -> Result<Box<dyn Read + Send>, AudioError> {
        let path = self.path;
        self.source.seek(SeekFrom::Start(self.position)).map_err(|error| AudioError::read(&path, error))?;
        Ok(Box::new(io::BufReader::with_capacity(READ_BYTES, self.source)))
    }
}

/// Big-endian and little-endian numbers at an offset; `None` past the end.
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_be_bytes(*b))
}

pub(super) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_be_bytes(*b))
}

pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

pub(super) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}
