//! The windows of the reference's `compress` and `decompress` (its `.dac` files), in integers and over a signal.
//!
//! A signal longer than a window is cut into overlapping windows, each coded with the padding of every layer switched off;
//! the frames of all windows follow each other, so that a file holds more of them than the exact way needs (1.3 times at
//! 44.1 kHz and windows of 1 s, twice at 16 kHz). A signal no longer than a window is coded whole, with padding.
//!
//! The encoder needs no second network for that. Its layers are convolutions, so a frame that looks at nothing but the window
//! is the same with and without padding: a few zeros before the window bring the frames onto the padded network's grid, and
//! those that look beyond the window are dropped.

mod decoder;
mod encoder;
mod plan;

pub use decoder::{DescriptChunks, DescriptDecoder};
pub use encoder::{DescriptEncoder, DescriptSummary};
pub use plan::{DescriptError, DescriptPlan};

/// The longest piece that is run through the network at a time where the device keeps no state, in frames.
const PIECE_FRAMES: usize = 512;
