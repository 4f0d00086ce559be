//! The error type of this crate.

/// Errors of building a pipeline, a linear map or a codebook search.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// A slice does not have the length of its shape.
    #[error("{what} has {found} values; expected {expected}")]
    Length {
        /// Name of the slice.
        what: &'static str,
        /// Number of values of the shape.
        expected: usize,
        /// Number of values in the slice.
        found: usize,
    },
    /// The number of channels differs from that of the previous layer.
    #[error("{what} takes {found} channels, but the previous layer has {expected}")]
    Channels {
        /// Kind of the layer.
        what: &'static str,
        /// Output channels of the previous layer.
        expected: usize,
        /// Input channels of this layer.
        found: usize,
    },
    /// A parameter is out of range.
    #[error("invalid {what} {found}: {why}")]
    Parameter {
        /// Name of the parameter.
        what: &'static str,
        /// The value given.
        found: usize,
        /// The rule that the value breaks.
        why: &'static str,
    },
    /// A pipeline has no layers, or starts with a tanh.
    #[error("a pipeline must start with a convolution, a residual unit or a snake")]
    Empty,
    /// The processor does not support the instruction set.
    #[error("this processor does not support {isa}")]
    IsaUnavailable {
        /// Name of the instruction set requested.
        isa: &'static str,
    },
    /// The instruction set or the processor does not support the precision.
    #[error("precision {precision} is not available: {why}")]
    PrecisionUnavailable {
        /// The precision requested.
        precision: &'static str,
        /// The missing requirement.
        why: &'static str,
    },
    /// Prepared weights do not fit the layers.
    #[error("the prepared weights do not fit the pipeline: {what}")]
    Prepared {
        /// What is wrong.
        what: &'static str,
    },
    /// A text is not the name of an instruction set.
    #[error(transparent)]
    UnknownName(#[from] crate::UnknownName),
    /// A thread pool could not be started.
    #[error("cannot start a pool of {threads} threads: {reason}")]
    Threads {
        /// Number of threads requested.
        threads: usize,
        /// The error of the operating system.
        reason: String,
    },
}

/// Returns [`KernelError::Parameter`].
pub(crate) fn invalid<T>(what: &'static str, found: usize, why: &'static str) -> Result<T, KernelError> {
    Err(KernelError::Parameter { what, found, why })
}

/// Checks the length of a slice against its shape.
pub(crate) fn check_len(what: &'static str, expected: usize, slice: &[f32]) -> Result<(), KernelError> {
    let found = slice.len();
    if found == expected { Ok(()) } else { Err(KernelError::Length { what, expected, found }) }
}
