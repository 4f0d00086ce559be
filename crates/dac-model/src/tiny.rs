//! The model embedded in the library.

use crate::checkpoint::{Checkpoint, CheckpointError, sha256_of_bytes};
use crate::preset::Preset;

/// Weights in f16 under canonical names; `fixtures/python/tiny_training` trains them.
const BYTES: &[u8] = include_bytes!("../assets/tiny.safetensors");

/// Opens the embedded tiny model.
///
/// # Errors
/// Never with the embedded file.
pub fn open() -> Result<Checkpoint, CheckpointError> {
    Checkpoint::embedded(BYTES, Some(Preset::Tiny))
}

/// Returns the SHA-256 of the embedded weights in lower-case hexadecimal.
pub fn sha256() -> String {
    sha256_of_bytes(BYTES)
}
