//! Progress reports and cancellation of encodes and decodes.

use std::ops::ControlFlow;

use crate::error::Error;

/// Receives the progress of an encode or a decode, and can cancel it.
///
/// Closures `FnMut(u64) -> ControlFlow<()>` implement it; `()` ignores the reports and never cancels.
pub trait Progress {
    /// Takes the number of samples per channel that are finished, after each block; `Break` cancels the work,
    /// which then ends with [`Error::Cancelled`].
    fn report(&mut self, samples: u64) -> ControlFlow<()>;
}

impl Progress for () {
    fn report(&mut self, _: u64) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(u64) -> ControlFlow<()>> Progress for F {
    fn report(&mut self, samples: u64) -> ControlFlow<()> {
        self(samples)
    }
}

/// Reports `samples`, and turns a cancellation into an error.
pub(crate) fn report(progress: &mut dyn Progress, samples: u64) -> Result<(), Error> {
    if progress.report(samples).is_break() { Err(Error::Cancelled) } else { Ok(()) }
}
