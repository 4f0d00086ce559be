//! A batch of windows that the device computes while the host continues.

use dac_model::CodecError;
use dac_model::codec::Pending;

use crate::plan::Span;

/// A submitted batch: its spans, and the result to wait for.
pub(crate) struct Batch<T> {
    pub(crate) spans: Vec<Span>,
    pub(crate) result: Pending<T>,
}

/// At most one submitted batch whose result was not taken yet.
pub(crate) struct InFlight<T>(Option<Batch<T>>);

impl<T> InFlight<T> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    /// Submits `batch`. Returns the previous batch's result when `pipelined`, otherwise waits for this one.
    pub(crate) fn submit(
        &mut self,
        batch: Batch<T>,
        pipelined: bool,
    ) -> Result<Option<(Vec<Span>, T)>, CodecError> {
        let previous = self.0.replace(batch);
        if pipelined { wait(previous) } else { self.drain() }
    }

    /// Waits for the submitted batch, if there is one.
    pub(crate) fn drain(&mut self) -> Result<Option<(Vec<Span>, T)>, CodecError> {
        wait(self.0.take())
    }
}

fn wait<T>(batch: Option<Batch<T>>) -> Result<Option<(Vec<Span>, T)>, CodecError> {
    batch.map(|Batch { spans, result }| Ok((spans, result.wait()?))).transpose()
}
