//! A file writer that counts and hashes the bytes of a shard.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use dac_atomic::AtomicFile;
use sha2::{Digest, Sha256};

/// A file that appears under its name on [`HashingWriter::commit`]. Dropping it earlier removes it.
#[derive(Debug)]
pub(crate) struct HashingWriter {
    file: BufWriter<AtomicFile>,
    hasher: Sha256,
    bytes: u64,
}

impl HashingWriter {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(AtomicFile::create(path)?), hasher: Sha256::new(), bytes: 0 })
    }

    /// Number of bytes written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Moves the file to its name. Returns its size in bytes and its SHA-256.
    pub(crate) fn commit(self) -> io::Result<(u64, String)> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.commit()?;
        let hash = self.hasher.finalize();
        Ok((self.bytes, hash.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or(bytes));
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
