//! Division of a signal into chunks with context, in whole frames.

use std::ops::Range;

use dac_nn::Geometry;

/// One chunk: the frames that the network sees, and those of its output to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Frames of the signal that the network sees.
    pub window: Range<usize>,
    /// Frames of the signal to keep; within `window`.
    pub keep: Range<usize>,
}

/// Division of a signal into chunks with enough context to give the same result as the whole signal.
///
/// A window that begins at frame 0 or ends at the signal's last frame has no context there: the layers pad
/// with zeros, as they do for the whole signal. Windows at the end begin earlier than necessary, so that all
/// but the first are equally long: several make a batch, and a GPU needs kernels for few shapes only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlan {
    /// Frames kept per chunk.
    pub(crate) chunk_frames: usize,
    pub(crate) left_frames: usize,
    pub(crate) right_frames: usize,
    pub(crate) batch_windows: usize,
    /// True when results are taken one batch late.
    pub(crate) pipelined: bool,
}

impl ChunkPlan {
    /// Plans an encode in chunks of `chunk_frames`, at least 1.
    pub fn encode(geometry: &Geometry, chunk_frames: usize) -> Self {
        Self::with_context(chunk_frames, geometry.encoder_context_frames())
    }

    /// Plans a decode in chunks of `chunk_frames`, at least 1.
    pub fn decode(geometry: &Geometry, chunk_frames: usize) -> Self {
        Self::with_context(chunk_frames, geometry.decoder_context_frames())
    }

    /// Plans chunks with another context, `(left, right)` in frames; less than the geometry's changes the
    /// result.
    pub fn with_context(chunk_frames: usize, (left_frames, right_frames): (usize, usize)) -> Self {
        Self {
            chunk_frames: chunk_frames.max(1),
            left_frames,
            right_frames,
            batch_windows: 1,
            pipelined: false,
        }
    }

    /// Changes the largest number of windows per batch, rounded down to a power of two.
    #[must_use]
    pub fn with_batch_windows(self, windows: usize) -> Self {
        Self { batch_windows: floor_power_of_two(windows), ..self }
    }

    /// Largest number of windows per batch, a power of two.
    pub fn batch_windows(&self) -> usize {
        self.batch_windows
    }

    /// Turns pipelining on or off: taking the result of a batch only after the next one was submitted, or the
    /// signal ended. It keeps a GPU busy, and delays all output by one batch.
    #[must_use]
    pub fn with_pipelining(self, pipelined: bool) -> Self {
        Self { pipelined, ..self }
    }

    /// Frames submitted before the first of them is returned.
    pub(crate) fn held_frames(&self) -> usize {
        let batch = self.chunk_frames.saturating_mul(self.batch_windows);
        if self.pipelined { batch.saturating_mul(2) } else { batch }
    }

    /// Frames of a window with context on both sides, the longest possible.
    pub fn window_frames(&self) -> usize {
        self.left_frames.saturating_add(self.chunk_frames).saturating_add(self.right_frames)
    }

    /// Returns the span that keeps the chunk starting at frame `start` of a signal of `frames` frames.
    pub fn span(&self, start: usize, frames: usize) -> Span {
        let end = start.saturating_add(self.chunk_frames).min(frames);
        let mut window =
            start.saturating_sub(self.left_frames)..end.saturating_add(self.right_frames).min(frames);
        if start > 0 {
            window.start = window.start.min(window.end.saturating_sub(self.window_frames()));
        }
        Span { window, keep: start..end }
    }

    /// Returns the spans from frame `start` on that can be computed now as one batch: `available` frames are
    /// buffered, and the signal has `frames` in all if it has ended. Their windows are equally long, and a
    /// power of two in number.
    pub(crate) fn ready(&self, start: usize, available: usize, frames: Option<usize>) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut next = start;
        while spans.len() < self.batch_windows {
            let span = self.span(next, frames.unwrap_or(usize::MAX));
            if span.keep.is_empty() {
                break;
            }
            if spans.first().is_some_and(|first| first.window.len() != span.window.len()) {
                break;
            }
            if span.window.end > available {
                // Wait for a whole batch.
                return Vec::new();
            }
            next = span.keep.end;
            spans.push(span);
        }
        spans.truncate(floor_power_of_two(spans.len()));
        spans
    }

    /// Returns the first frame that chunks from frame `start` on can still need.
    pub(crate) fn first_needed(&self, start: usize) -> usize {
        start.saturating_sub(self.window_frames())
    }
}

/// Rounds down to a power of two; 1 for 0.
fn floor_power_of_two(n: usize) -> usize {
    1 << n.max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_tile_the_signal_within_the_available_frames() {
        for batch_windows in [1, 2, 4, 7] {
            for frames in 1..60 {
                let plan = ChunkPlan::with_context(4, (3, 5)).with_batch_windows(batch_windows);
                let (mut at, mut oldest) = (0, 0);
                // One frame arrives at a time, then the signal ends.
                for (available, total) in (1..=frames).map(|n| (n, None)).chain([(frames, Some(frames))]) {
                    loop {
                        let spans = plan.ready(at, available, total);
                        let Some(first) = spans.first() else { break };
                        assert!(spans.len().is_power_of_two() && spans.len() <= batch_windows);
                        for span in &spans {
                            assert_eq!((span.keep.start, span.window.len()), (at, first.window.len()));
                            assert!(span.window.start >= oldest && span.window.end <= available);
                            at = span.keep.end;
                        }
                        oldest = plan.first_needed(at);
                    }
                }
                assert_eq!(at, frames, "batches of {batch_windows}");
            }
        }
    }
}
