//! Copies of pipes in temporary files.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::options::ReadBackend;
use super::sniff;
use crate::AudioError;

/// Maximum length of a copy that only ffmpeg may be able to read. A device without end is not copied further.
const MAX_UNKNOWN_BYTES: u64 = 1 << 30;

/// Copy of a pipe in an unnamed temporary file, which the system removes when the program ends in any way.
/// Clones read independently of each other.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    file: Arc<Mutex<File>>,
    position: u64,
}

impl Spool {
    /// Copies audio to its end; errors call it `path`. What is not audio is refused at its first bytes. If
    /// ffmpeg may be able to read it, it is copied up to a limit.
    pub(super) fn copy_audio(
        mut source: impl Read,
        path: &Path,
        backend: ReadBackend,
    ) -> Result<Self, AudioError> {
        let read_error = |error| AudioError::read(path, error);
        let mut head = Vec::new();
        let head_bytes = dac_sniff::HEAD_BYTES as u64;
        source.by_ref().take(head_bytes).read_to_end(&mut head).map_err(read_error)?;
        let refusal = sniff::container_of(path, &mut Cursor::new(&head)).err();
        let mut joined = Cursor::new(head).chain(source);
        match refusal {
            Some(refusal) if backend == ReadBackend::Builtin => Err(refusal),
            Some(refusal) => {
                let copy = Self::copy(&mut joined.by_ref().take(MAX_UNKNOWN_BYTES)).map_err(read_error)?;
                let ends = joined.read(&mut [0]).map_err(read_error)? == 0;
                if ends { Ok(copy) } else { Err(refusal) }
            }
            None => Self::copy(&mut joined).map_err(read_error),
        }
    }

    fn copy(source: &mut impl Read) -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        io::copy(source, &mut file)?;
        Ok(Self { file: Arc::new(Mutex::new(file)), position: 0 })
    }

    /// Returns the file at its beginning, for another process.
    pub(super) fn to_file(&self) -> io::Result<File> {
        let mut file = self.lock();
        file.seek(SeekFrom::Start(0))?;
        file.try_clone()
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for Spool {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.lock();
        file.seek(SeekFrom::Start(self.position))?;
        let read = file.read(buffer)?;
        drop(file);
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Spool {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.lock().metadata()?.len().checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_read_independently() -> io::Result<()> {
        let mut first = Spool::copy(&mut &b"abcdef"[..])?;
        let mut second = first.clone();
        let mut bytes = [0; 4];
        first.read_exact(&mut bytes)?;
        assert_eq!(&bytes, b"abcd");
        second.read_exact(&mut bytes)?;
        assert_eq!(&bytes, b"abcd");
        let mut rest = String::new();
        first.read_to_string(&mut rest)?;
        assert_eq!(rest, "ef");
        assert_eq!(second.seek(SeekFrom::End(-1))?, 5);
        assert!(second.seek(SeekFrom::Current(-6)).is_err());
        let mut whole = String::new();
        second.to_file()?.read_to_string(&mut whole)?;
        assert_eq!(whole, "abcdef");
        Ok(())
    }
}
