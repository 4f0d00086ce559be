//! Copies of pipes in temporary files, for readers that need to seek.

use std::io::{Cursor, Read};
use std::path::Path;

use dac_atomic::TemporaryCopy;

use super::options::ReadBackend;
use super::sniff;
use crate::AudioError;

/// Maximum length of a copy that only ffmpeg may be able to read. A device without end is not copied further.
const MAX_UNKNOWN_BYTES: u64 = 1 << 30;

/// Copies audio to its end; errors call it `path`. What is not audio is refused at its first bytes. If
/// ffmpeg may be able to read it, it is copied up to a limit.
pub(super) fn copy_audio(
    mut source: impl Read,
    path: &Path,
    backend: ReadBackend,
) -> Result<TemporaryCopy, AudioError> {
    let read_error = |error| AudioError::read(path, error);
    let mut head = Vec::new();
    let head_bytes = dac_sniff::HEAD_BYTES as u64;
    source.by_ref().take(head_bytes).read_to_end(&mut head).map_err(read_error)?;
    let refusal = sniff::container_of(path, &mut Cursor::new(&head)).err();
    let mut joined = Cursor::new(head).chain(source);
    match refusal {
        Some(refusal) if backend == ReadBackend::Builtin => Err(refusal),
        Some(refusal) => {
            let copy = TemporaryCopy::of(joined.by_ref().take(MAX_UNKNOWN_BYTES)).map_err(read_error)?;
            let ends = joined.read(&mut [0]).map_err(read_error)? == 0;
            if ends { Ok(copy) } else { Err(refusal) }
        }
        None => TemporaryCopy::of(joined).map_err(read_error),
    }
}
