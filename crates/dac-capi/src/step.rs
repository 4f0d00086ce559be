//! Results of a step of a group.

use std::ffi::{CString, c_char};
use std::ptr;

use dac::codec::CodecError;
use dac_batch::BatchError;

use crate::audio::Audio;
use crate::pointers::free;
use crate::status::text;
use crate::tokens::Tokens;

/// Results of a step: one for each stream that had input or ended, in the order in which they joined.
pub struct Step {
    results: Vec<StepResult>,
}

struct StepResult {
    stream: u64,
    output: Output,
}

enum Output {
    Audio(Audio),
    Tokens(Box<Tokens>),
    Error(CString),
}

impl Step {
    pub(crate) fn of_audio(results: impl Iterator<Item = (u64, Result<Audio, CodecError>)>) -> Self {
        Self::new(results.map(|(stream, result)| (stream, result.map(Output::Audio))))
    }

    pub(crate) fn of_tokens(results: impl Iterator<Item = (u64, Result<Tokens, CodecError>)>) -> Self {
        Self::new(
            results.map(|(stream, result)| (stream, result.map(|tokens| Output::Tokens(Box::new(tokens))))),
        )
    }

    fn new(results: impl Iterator<Item = (u64, Result<Output, CodecError>)>) -> Self {
        let output = |error| Output::Error(text(&BatchError::from(dac::Error::from(error))));
        let results =
            results.map(|(stream, result)| StepResult { stream, output: result.unwrap_or_else(output) });
        Self { results: results.collect() }
    }
}

/// Returns a result of a step.
///
/// # Safety
/// `step` is NULL or valid for `'a`.
unsafe fn result<'a>(step: *const Step, index: usize) -> Option<&'a StepResult> {
    // SAFETY: as for this function.
    unsafe { step.as_ref() }?.results.get(index)
}

/// Returns the number of results; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_step_results(step: *const Step) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { step.as_ref() }.map_or(0, |step| step.results.len())
}

/// Returns the stream of a result; UINT64_MAX if there is no such result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_step_stream(step: *const Step, index: usize) -> u64 {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { result(step, index) }.map_or(u64::MAX, |result| result.stream)
}

/// Returns the error of a result, after which its stream was reset; NULL if it succeeded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_step_error(step: *const Step, index: usize) -> *const c_char {
    // SAFETY: the header requires NULL or a handle of this type.
    match unsafe { result(step, index) } {
        Some(StepResult { output: Output::Error(text), .. }) => text.as_ptr(),
        _ => ptr::null(),
    }
}

/// Returns the samples of a decoder's result, one channel at the model's rate; NULL after an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_step_audio(step: *const Step, index: usize) -> *const Audio {
    // SAFETY: the header requires NULL or a handle of this type.
    match unsafe { result(step, index) } {
        Some(StepResult { output: Output::Audio(audio), .. }) => audio,
        _ => ptr::null(),
    }
}

/// Returns the codes of an encoder's result, one channel; NULL after an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_step_tokens(step: *const Step, index: usize) -> *const Tokens {
    // SAFETY: the header requires NULL or a handle of this type.
    match unsafe { result(step, index) } {
        Some(StepResult { output: Output::Tokens(tokens), .. }) => &raw const **tokens,
        _ => ptr::null(),
    }
}

/// Releases the results of a step, with all that the functions above returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_step_free(step: *mut Step) {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { free(step) }
}
