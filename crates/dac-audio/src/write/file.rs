//! Creating and completing files, for the writers of all formats.

use std::io::{BufWriter, IntoInnerError};
use std::path::Path;

use dac_atomic::{AtomicFile, FinishedFile};

use crate::AudioError;
use crate::check::check_format;

/// Creates a file for a signal whose rate and number of channels are valid.
pub(super) fn create(path: &Path, sample_rate_hz: u32, channels: usize) -> Result<AtomicFile, AudioError> {
    check_format(path, sample_rate_hz, channels)?;
    AtomicFile::create(path).map_err(|error| AudioError::write(path, error))
}

/// Buffers writes to `file`.
pub(super) fn buffered(file: AtomicFile) -> BufWriter<AtomicFile> {
    BufWriter::with_capacity(1 << 16, file)
}

/// Writes what is buffered and syncs the file, which keeps its temporary name.
pub(super) fn finish(out: BufWriter<AtomicFile>, path: &Path) -> Result<FinishedFile, AudioError> {
    let file = out.into_inner().map_err(IntoInnerError::into_error).and_then(AtomicFile::finish);
    file.map_err(|error| AudioError::write(path, error))
}

/// Renames a complete file onto its path.
pub(super) fn persist(file: FinishedFile, path: &Path) -> Result<(), AudioError> {
    file.persist().map_err(|error| AudioError::write(path, error))
}
