//! Checks of memory budgets and of network outputs.

use dac_kernels::first_non_finite;
use dac_nn::{Device, Formulations, Geometry, NetworkShape, memory};

#[cfg(feature = "burn")]
use super::encoded::Encoded;
use super::error::CodecError;
use super::options::CodecOptions;

/// Checks that the weights and one frame with its context fit into the memory budget.
pub(super) fn check_smallest_chunk_fits(
    shape: &NetworkShape,
    geometry: &Geometry,
    options: &CodecOptions,
) -> Result<(), CodecError> {
    let (left, right) = geometry.encoder_context_frames();
    check_fits(shape, options, 1, left + 1 + right, memory::encode_bytes)?;
    let (left, right) = geometry.decoder_context_frames();
    check_fits(shape, options, 1, left + 1 + right, memory::decode_bytes)
}

/// Checks that the weights and the activations of `batch` items fit into the memory budget, if there is one.
/// `bytes` estimates the activations of `frames` frames.
pub(super) fn check_fits(
    shape: &NetworkShape,
    options: &CodecOptions,
    batch: usize,
    frames: usize,
    bytes: fn(&NetworkShape, &Formulations, usize) -> u64,
) -> Result<(), CodecError> {
    let Some(budget_bytes) = options.memory_budget_bytes.filter(|_| options.device != Device::Cpu) else {
        return Ok(());
    };
    let formulations = options.device_formulations();
    let activation_bytes = bytes(shape, &formulations, frames).saturating_mul(batch as u64);
    let needed_bytes = memory::device_parameter_bytes(shape, &formulations).saturating_add(activation_bytes);
    if budget_bytes < needed_bytes {
        return Err(CodecError::MemoryBudget { budget_bytes, needed_bytes, frames: batch * frames });
    }
    Ok(())
}

/// Checks that all values are finite, so that no broken value reaches a file.
pub(super) fn check_finite(what: &'static str, values: &[f32]) -> Result<(), CodecError> {
    match first_non_finite(values) {
        Some(position) => Err(CodecError::NonFinite { what, position, layer: None }),
        None => Ok(()),
    }
}

/// Checks the result of encoding. The search ignores NaNs, so z can be finite when the projections are not.
#[cfg(feature = "burn")]
pub(super) fn check_encoded(encoded: &Encoded) -> Result<(), CodecError> {
    check_finite(QUANTIZED, encoded.z.as_slice())?;
    check_finite(PROJECTED, encoded.latents.as_slice())
}

/// Names of results in errors.
pub(super) const ENCODED: &str = "the encoder's output";
pub(super) const QUANTIZED: &str = "the quantizer's output";
pub(super) const PROJECTED: &str = "the encoder's output, projected by the quantizer,";
pub(super) const DECODED: &str = "the decoder's output";
