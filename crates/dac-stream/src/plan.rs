//! Which frames to work on for which frames to keep, in integers.

use std::ops::Range;

use dac_nn::Geometry;

/// One chunk: the frames to run through the network, and those of its result to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Frames of the signal that the network sees.
    pub window: Range<usize>,
    /// Frames of the signal that are kept; within `window`.
    pub keep: Range<usize>,
}

/// Chunks of a signal with the context that makes each independent of what lies beyond.
///
/// A window that begins at frame 0 or ends at the signal's last frame has no context there: the layers' own zero padding
/// acts, as it does on the whole signal. Windows at the end begin earlier than they need to, so that all but the first are
/// equally long: several make a batch, and a GPU finds its programs for few shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlan {
    chunk_frames: usize,
    left_frames: usize,
    right_frames: usize,
    together: usize,
    ahead: bool,
}

impl ChunkPlan {
    /// For encoding; `chunk_frames` is at least 1.
    pub fn encode(geometry: &Geometry, chunk_frames: usize) -> Self {
        Self::with_context(chunk_frames, geometry.encoder_context_frames())
    }

    /// For decoding; `chunk_frames` is at least 1.
    pub fn decode(geometry: &Geometry, chunk_frames: usize) -> Self {
        Self::with_context(chunk_frames, geometry.decoder_context_frames())
    }

    /// With a context of one's own, `(left, right)` in frames: less than the geometry's gives inexact chunks.
    pub fn with_context(chunk_frames: usize, (left_frames, right_frames): (usize, usize)) -> Self {
        Self { chunk_frames: chunk_frames.max(1), left_frames, right_frames, together: 1, ahead: false }
    }

    /// The same in chunks of another length, at least 1.
    #[must_use]
    pub fn with_chunk_frames(self, chunk_frames: usize) -> Self {
        Self { chunk_frames: chunk_frames.max(1), ..self }
    }

    /// The same with so many windows worked on as one batch: a power of two, the next lower one of `windows`.
    #[must_use]
    pub fn together(self, windows: usize) -> Self {
        Self { together: floor_power_of_two(windows), ..self }
    }

    /// Windows that are worked on as one batch at most.
    pub fn windows_together(&self) -> usize {
        self.together
    }

    /// The same with the results of a batch of windows taken only when the device has the next batch, or the signal ends: what a GPU
    /// needs to work on without waiting for the host. Everything comes out a batch later.
    #[must_use]
    pub fn ahead(self, ahead: bool) -> Self {
        Self { ahead, ..self }
    }

    /// Whether the device is kept a batch ahead.
    pub fn is_ahead(&self) -> bool {
        self.ahead
    }

    /// Frames that are worked on before the first of them comes out.
    pub(crate) fn held_frames(&self) -> usize {
        let batch = self.chunk_frames.saturating_mul(self.together);
        if self.ahead { batch.saturating_mul(2) } else { batch }
    }

    /// Frames of a window with context on both sides, the longest there is.
    pub fn window_frames(&self) -> usize {
        self.left_frames.saturating_add(self.chunk_frames).saturating_add(self.right_frames)
    }

    /// Frames kept a chunk.
    pub fn chunk_frames(&self) -> usize {
        self.chunk_frames
    }

    /// The span that keeps the chunk which starts at frame `start`, of a signal of `frames` frames.
    pub fn span(&self, start: usize, frames: usize) -> Span {
        let end = start.saturating_add(self.chunk_frames).min(frames);
        let mut span = self.around(start..end, frames);
        if start > 0 {
            span.window.start = span.window.start.min(span.window.end.saturating_sub(self.window_frames()));
        }
        span
    }

    /// The spans from frame `start` on that can be worked on now as one batch, where `available` frames are there and
    /// `frames`, once it is known, are all. Their windows are equally long, and a power of two in number.
    pub(crate) fn ready(&self, start: usize, available: usize, frames: Option<usize>) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut next = start;
        while spans.len() < self.together {
            let span = self.span(next, frames.unwrap_or(usize::MAX));
            if span.keep.is_empty() {
                break;
            }
            if spans.first().is_some_and(|first| first.window.len() != span.window.len()) {
                break;
            }
            if span.window.end > available {
                // More may come, for a whole batch.
                return Vec::new();
            }
            next = span.keep.end;
            spans.push(span);
        }
        spans.truncate(floor_power_of_two(spans.len()));
        spans
    }

    /// Frames before the next chunk at `start` that no window will begin before.
    pub(crate) fn first_needed(&self, start: usize) -> usize {
        start.saturating_sub(self.window_frames())
    }

    /// The one span that keeps exactly `keep` of a signal of `frames` frames.
    pub fn around(&self, keep: Range<usize>, frames: usize) -> Span {
        let window = keep.start.saturating_sub(self.left_frames)
            ..keep.end.saturating_add(self.right_frames).min(frames);
        Span { window, keep }
    }

    /// All spans of a signal of `frames` frames, in order.
    pub fn spans(&self, frames: usize) -> impl Iterator<Item = Span> + use<> {
        let plan = *self;
        (0..frames).step_by(plan.chunk_frames).map(move |start| plan.span(start, frames))
    }
}

/// The largest power of two that is not larger; 1 for 0.
fn floor_power_of_two(n: usize) -> usize {
    1 << n.max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_tile_the_signal_and_stay_within_it() {
        for chunk in 1..9 {
            for frames in 0..40 {
                let plan = ChunkPlan::with_context(chunk, (3, 5));
                let mut at = 0;
                for span in plan.spans(frames) {
                    assert_eq!(span.keep.start, at);
                    assert!(span.keep.len() <= chunk && !span.keep.is_empty());
                    assert!(span.window.start <= at.saturating_sub(3));
                    assert_eq!(span.window.end, (span.keep.end + 5).min(frames));
                    if at >= 3 && frames >= plan.window_frames() {
                        assert_eq!(span.window.len(), plan.window_frames());
                    }
                    at = span.keep.end;
                }
                assert_eq!(at, frames);
            }
        }
    }

    #[test]
    fn batches_tile_the_signal_in_windows_that_are_there() {
        for together in [1, 2, 4, 7] {
            for frames in 1..60 {
                let plan = ChunkPlan::with_context(4, (3, 5)).together(together);
                let (mut at, mut oldest) = (0, 0);
                // A frame at a time arrives; then the end is known.
                for (available, total) in (1..=frames).map(|n| (n, None)).chain([(frames, Some(frames))]) {
                    loop {
                        let spans = plan.ready(at, available, total);
                        let Some(first) = spans.first() else { break };
                        assert!(spans.len().is_power_of_two() && spans.len() <= together);
                        for span in &spans {
                            assert_eq!((span.keep.start, span.window.len()), (at, first.window.len()));
                            assert!(span.window.start >= oldest && span.window.end <= available);
                            at = span.keep.end;
                        }
                        oldest = plan.first_needed(at);
                    }
                }
                assert_eq!(at, frames, "{together} together");
            }
        }
    }
}
