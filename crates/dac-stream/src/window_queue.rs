//! The windows of one signal on a device that keeps no state.

use std::ops::Range;

use dac_model::CodecError;
use dac_model::codec::Pending;

use crate::plan::{ChunkPlan, Span};

/// Progress through the windows of a signal, with at most one batch that the device computes while the host
/// continues.
pub(crate) struct WindowQueue<T> {
    /// First frame that the caller buffers.
    buffer_frame: usize,
    /// First frame not yet submitted.
    next_frame: usize,
    in_flight: Option<(Vec<Span>, Pending<T>)>,
}

impl<T> WindowQueue<T> {
    pub(crate) fn new() -> Self {
        Self { buffer_frame: 0, next_frame: 0, in_flight: None }
    }

    /// Computes the spans that are complete after `received_frames` frames, all of them if the signal has
    /// `ended`, and returns the number of frames that the caller can drop from its buffer.
    ///
    /// `start` submits a batch of equally long windows, given as frames of the buffer. `append` takes the
    /// result of a batch, the number of a window in it, and the frames of that window to keep.
    pub(crate) fn compute(
        &mut self,
        plan: &ChunkPlan,
        received_frames: usize,
        ended: bool,
        start: impl Fn(&[Range<usize>]) -> Result<Pending<T>, CodecError>,
        mut append: impl FnMut(&T, usize, Range<usize>),
    ) -> Result<usize, CodecError> {
        let mut finish = |batch: Option<(Vec<Span>, Pending<T>)>| {
            let Some((spans, result)) = batch else { return Ok(()) };
            let result = result.wait()?;
            for (item, Span { window, keep }) in spans.into_iter().enumerate() {
                append(&result, item, keep.start - window.start..keep.end - window.start);
            }
            Ok::<_, CodecError>(())
        };
        loop {
            let spans = plan.ready(self.next_frame, received_frames, ended.then_some(received_frames));
            let Some(last) = spans.last() else { break };
            self.next_frame = last.keep.end;
            let in_buffer =
                |span: &Span| span.window.start - self.buffer_frame..span.window.end - self.buffer_frame;
            let windows: Vec<_> = spans.iter().map(in_buffer).collect();
            let result = start(&windows)?;
            let previous = self.in_flight.replace((spans, result));
            finish(if plan.pipelined { previous } else { self.in_flight.take() })?;
        }
        if ended {
            finish(self.in_flight.take())?;
        }
        let unneeded = plan.first_needed(self.next_frame).saturating_sub(self.buffer_frame);
        self.buffer_frame += unneeded;
        Ok(unneeded)
    }
}
