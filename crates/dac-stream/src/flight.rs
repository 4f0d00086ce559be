//! The batch of windows that a device is at work on while the host goes on.

use dac_model::CodecError;
use dac_model::codec::Pending;

use crate::plan::{ChunkPlan, Span};

/// Windows that the device has been given, and what will come of them.
pub(crate) struct Batch<T> {
    pub(crate) spans: Vec<Span>,
    pub(crate) result: Pending<T>,
}

/// At most one batch in the air.
pub(crate) struct Flight<T>(Option<Batch<T>>);

impl<T> Flight<T> {
    pub(crate) fn new() -> Self {
        Self(None)
    }

    /// Takes off with `batch` and gives the spans and the result of what has to land for it: the batch before where the plan keeps the device
    /// ahead, else `batch` itself.
    pub(crate) fn next(
        &mut self,
        plan: &ChunkPlan,
        batch: Batch<T>,
    ) -> Result<Option<(Vec<Span>, T)>, CodecError> {
        let before = self.0.replace(batch);
        if plan.is_ahead() { landed(before) } else { self.land() }
    }

    /// What is still in the air, once it is there.
    pub(crate) fn land(&mut self) -> Result<Option<(Vec<Span>, T)>, CodecError> {
        landed(self.0.take())
    }
}

fn landed<T>(batch: Option<Batch<T>>) -> Result<Option<(Vec<Span>, T)>, CodecError> {
    batch.map(|Batch { spans, result }| Ok((spans, result.wait()?))).transpose()
}
