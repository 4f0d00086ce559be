//! Windowed mode: the windows of the reference's `compress` and `decompress` (its `.dac` files).
//!
//! A signal longer than a window is divided into overlapping windows, each encoded without any padding. The
//! frames of all windows follow each other, so that a file contains more frames than exact encoding gives
//! (1.3 times as many at 44.1 kHz and windows of 1 s, twice as many at 16 kHz). A signal no longer than a
//! window is encoded whole, with padding.
//!
//! The encoder needs no second, unpadded network. A frame that depends on nothing outside the window is the
//! same with and without padding: some zeros before the window align its frames with those of the padded
//! network, and frames that depend on samples outside the window are dropped.

mod decoder;
mod encoder;
mod plan;

pub use decoder::{WindowedChunks, WindowedDecoder};
pub use encoder::{WindowedEncoder, WindowedSummary};
pub use plan::{WindowedError, WindowedPlan};

/// Longest chunk computed at a time on devices that keep no state, in frames.
const MAX_CHUNK_FRAMES: usize = 512;
