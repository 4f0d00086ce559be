//! Number of codebooks to use, as a number or by bitrate.

use std::num::NonZeroUsize;

use dac::codec::NetworkShape;

use crate::error::BatchError;

/// Limit for the number of codebooks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CodebookLimit {
    /// Exactly this many.
    Count(NonZeroUsize),
    /// As many as the nominal bitrate in kbit/s allows, but at least one.
    Kbps(f64),
}

impl CodebookLimit {
    /// Number of codebooks for a model.
    ///
    /// # Errors
    /// When the model has fewer than [`CodebookLimit::Count`].
    pub fn resolve(self, shape: &NetworkShape) -> Result<usize, BatchError> {
        match self {
            Self::Count(count) if count.get() > shape.codebooks => Err(BatchError::Usage(format!(
                "{count} codebooks requested; the model has {} codebooks",
                shape.codebooks
            ))),
            Self::Count(count) => Ok(count.get()),
            Self::Kbps(kbps) => {
                let fits = |count: &usize| shape.bitrate_kbps(*count) <= kbps;
                Ok((1..=shape.codebooks).rev().find(fits).unwrap_or(1))
            }
        }
    }

    /// Describes the number of codebooks chosen for a bitrate.
    pub fn describe(self, shape: &NetworkShape, count: usize) -> Option<String> {
        let Self::Kbps(kbps) = self else { return None };
        let nominal = shape.bitrate_kbps(count);
        Some(format!(
            "bitrate limit {kbps} kbit/s: using {count} of {} codebooks, nominally {nominal:.2} kbit/s",
            shape.codebooks
        ))
    }
}
