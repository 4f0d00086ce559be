//! A file writer that counts and hashes the bytes of a shard.

use std::io::{self, BufWriter, Write};

use dac_atomic::{AtomicFile, FinishedFile};
use sha2::{Digest, Sha256};

/// A file under a temporary name. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct HashingWriter {
    file: BufWriter<AtomicFile>,
    hasher: Sha256,
    bytes: u64,
}

impl HashingWriter {
    pub(crate) fn new(file: AtomicFile) -> Self {
        Self { file: BufWriter::new(file), hasher: Sha256::new(), bytes: 0 }
    }

    /// Number of bytes written.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Completes the file. Returns it, its size in bytes and its SHA-256.
    pub(crate) fn finish(self) -> io::Result<(FinishedFile, u64, String)> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
        let hash = self.hasher.finalize();
        Ok((file, self.bytes, hash.iter().map(|byte| format!("{byte:02x}")).collect()))
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
