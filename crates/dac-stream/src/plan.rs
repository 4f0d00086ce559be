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
/// acts, as it does on the whole signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlan {
    chunk_frames: usize,
    left_frames: usize,
    right_frames: usize,
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
        Self { chunk_frames: chunk_frames.max(1), left_frames, right_frames }
    }

    /// Frames kept a chunk.
    pub fn chunk_frames(&self) -> usize {
        self.chunk_frames
    }

    /// The span that keeps the chunk which starts at frame `start`, of a signal of `frames` frames.
    pub fn span(&self, start: usize, frames: usize) -> Span {
        let end = start.saturating_add(self.chunk_frames).min(frames);
        self.around(start..end, frames)
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
                    assert_eq!(span.window.start, at.saturating_sub(3));
                    assert_eq!(span.window.end, (span.keep.end + 5).min(frames));
                    at = span.keep.end;
                }
                assert_eq!(at, frames);
            }
        }
    }
}
