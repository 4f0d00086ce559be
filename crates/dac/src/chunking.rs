//! The ways to divide a long signal into chunks.

use dac_nn::NetworkShape;
use dac_stream::overlap::OverlapSettings;

use crate::error::Error;

/// Upper limit of an exact chunk's length, in frames.
const MAX_CHUNK_FRAMES: usize = 1 << 20;

/// The way a signal is divided into chunks.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Chunking {
    /// One chunk: the whole signal at once, in memory that grows with its length.
    Whole,
    /// Chunks with all the context they need: the result of [`Chunking::Whole`] in constant memory.
    Exact {
        /// Length of a chunk in seconds; the result does not depend on it.
        chunk_seconds: f64,
    },
    /// The chunking of the hance-ai wrapper: chunks without context, averaged where decoded chunks overlap.
    /// Its result differs from the exact one.
    Overlap(OverlapSettings),
    /// The reference's `compress`: overlapping unpadded windows of a signal brought to
    /// [`WINDOWED_LOUDNESS_DB`](crate::audio::WINDOWED_LOUDNESS_DB). Reads the input twice, first to measure
    /// its loudness. The tokens record their windows and are always decoded in these; for decoding, this
    /// chunking means the default one.
    Windowed {
        /// Length of a window in seconds; a signal no longer than this is encoded whole, with padding.
        seconds: f64,
    },
}

impl Chunking {
    /// Default length of an exact chunk, in seconds.
    pub const DEFAULT_SECONDS: f64 = 4.0;
    /// Default length of a window, in seconds: that of the reference's command line.
    pub const DEFAULT_WINDOW_SECONDS: f64 = 5.0;

    /// Frames of an exact chunk; `None` for other chunkings.
    pub(crate) fn exact_frames(self, shape: &NetworkShape) -> Result<Option<usize>, Error> {
        let Self::Exact { chunk_seconds } = self else { return Ok(None) };
        if chunk_seconds.is_finite() && chunk_seconds > 0.0 {
            let frames = (chunk_seconds * shape.frame_rate_hz()).round() as usize;
            return Ok(Some(frames.clamp(1, MAX_CHUNK_FRAMES)));
        }
        Err(Error::invalid("the chunk length in seconds", chunk_seconds, "a number above 0"))
    }
}

impl Default for Chunking {
    fn default() -> Self {
        Self::Exact { chunk_seconds: Self::DEFAULT_SECONDS }
    }
}
