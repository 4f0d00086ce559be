//! The embedded model.

use crate::checkpoint::{Checkpoint, CheckpointError, sha256_of_bytes};
use crate::preset::Preset;

/// Weights in f16, canonical names; made by `fixtures/python/tiny_training`.
const BYTES: &[u8] = include_bytes!("../assets/tiny.safetensors");

/// Opens the embedded tiny model.
///
/// # Errors
/// Never with the file that is part of the library.
pub fn open() -> Result<Checkpoint, CheckpointError> {
    Checkpoint::embedded(BYTES, Some(Preset::Tiny))
}

/// SHA-256 of the embedded weights, in lower-case hexadecimal.
pub fn sha256() -> String {
    sha256_of_bytes(BYTES)
}
