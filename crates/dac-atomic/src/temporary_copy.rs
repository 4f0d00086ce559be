//! Copies of data that can be read only once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Copy of a reader's content in an unnamed temporary file, which the system removes when the program ends in
/// any way. Clones share the file and read independently of each other.
#[derive(Debug, Clone)]
pub struct TemporaryCopy {
    file: Arc<Mutex<File>>,
    bytes: u64,
    position: u64,
}

impl TemporaryCopy {
    /// Copies `reader` to its end. The copy is at its beginning.
    ///
    /// # Errors
    /// If reading, or writing the temporary file, fails.
    pub fn of(mut reader: impl Read) -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        let bytes = io::copy(&mut reader, &mut file)?;
        Ok(Self { file: Arc::new(Mutex::new(file)), bytes, position: 0 })
    }

    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the file at its beginning, for another process.
    ///
    /// # Errors
    /// If the file cannot be duplicated.
    pub fn to_file(&self) -> io::Result<File> {
        let mut file = self.lock();
        file.seek(SeekFrom::Start(0))?;
        file.try_clone()
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for TemporaryCopy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.lock();
        file.seek(SeekFrom::Start(self.position))?;
        let read = file.read(buffer)?;
        drop(file);
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for TemporaryCopy {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
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
        let mut first = TemporaryCopy::of(&b"abcdef"[..])?;
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
