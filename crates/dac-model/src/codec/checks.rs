//! Checks of memory budgets and of network outputs.

use dac_nn::{Device, Geometry, NetworkShape, memory};

use super::error::CodecError;
use super::options::CodecOptions;

/// Checks that the weights and one frame with its context fit into the memory budget.
pub(super) fn check_smallest_chunk_fits(
    shape: &NetworkShape,
    geometry: &Geometry,
    options: &CodecOptions,
) -> Result<(), CodecError> {
    let frames = |(left, right): (usize, usize)| left + 1 + right;
    let encoder_frames = frames(geometry.encoder_context_frames());
    check_fits(shape, options, encoder_frames, memory::encode_bytes(shape, encoder_frames))?;
    let decoder_frames = frames(geometry.decoder_context_frames());
    check_fits(shape, options, decoder_frames, memory::decode_bytes(shape, decoder_frames))
}

/// Checks that the weights and `bytes` for `frames` frames fit into the memory budget, if there is one.
pub(super) fn check_fits(
    shape: &NetworkShape,
    options: &CodecOptions,
    frames: usize,
    bytes: u64,
) -> Result<(), CodecError> {
    let needed_bytes = memory::parameter_bytes(shape).saturating_add(bytes);
    match options.memory_budget_bytes.filter(|_| options.device != Device::Cpu) {
        Some(budget_bytes) if budget_bytes < needed_bytes => {
            Err(CodecError::MemoryBudget { budget_bytes, needed_bytes, frames })
        }
        _ => Ok(()),
    }
}

/// Checks that all values are finite, so that no broken value reaches a file.
pub(super) fn check_finite(what: &'static str, values: &[f32]) -> Result<(), CodecError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(position) => Err(CodecError::NonFinite { what, position }),
        None => Ok(()),
    }
}
