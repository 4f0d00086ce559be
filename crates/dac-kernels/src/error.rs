//! What can go wrong when kernels are built or fed.

use crate::CpuLevel;

/// An error of this crate, with the facts that explain it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// A slice is not as long as its shape says.
    #[error("{what}: expected {expected} values, found {found}")]
    Length {
        /// Which slice.
        what: &'static str,
        /// The length that the shape asks for.
        expected: usize,
        /// The length that was given.
        found: usize,
    },
    /// The channels of a layer do not follow those of the layer before it.
    #[error("{what}: the layer before it has {expected} channels, found {found}")]
    Channels {
        /// Which layer.
        what: &'static str,
        /// The channels that come out of the layer before.
        expected: usize,
        /// The channels that this layer takes.
        found: usize,
    },
    /// A parameter is out of its range.
    #[error("{what} = {found} is not allowed: {why}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// The value that was given.
        found: usize,
        /// What the rule is.
        why: &'static str,
    },
    /// A pipeline without a single layer.
    #[error("a pipeline needs at least one convolution before anything else")]
    Empty,
    /// The processor does not have the instruction set that was asked for.
    #[error("this processor does not have {level}")]
    LevelMissing {
        /// The level that was asked for.
        level: CpuLevel,
    },
    /// A precision that this processor or build does not offer.
    #[error("precision {precision} is not available: {why}")]
    PrecisionMissing {
        /// The precision that was asked for.
        precision: &'static str,
        /// What is missing.
        why: &'static str,
    },
    /// A name of an instruction set that is none.
    #[error("unknown CPU level {found:?}: expected portable, avx2, avx512 or neon")]
    UnknownLevel {
        /// The text that was given.
        found: String,
    },
    /// A name of a precision that is none.
    #[error("unknown precision '{found}', expected f32, exact, bf16 or f16")]
    UnknownPrecision {
        /// The text that was given.
        found: String,
    },
    /// A thread pool could not be started.
    #[error("a pool of {threads} threads could not be started: {reason}")]
    Threads {
        /// How many threads were asked for.
        threads: usize,
        /// What the system said.
        reason: String,
    },
}

/// Checks the length of a slice against its shape.
pub(crate) fn check_len(what: &'static str, expected: usize, slice: &[f32]) -> Result<(), KernelError> {
    if slice.len() == expected {
        Ok(())
    } else {
        Err(KernelError::Length { what, expected, found: slice.len() })
    }
}
