//! Streaming encoders and decoders of one channel, and their chunkings.
//!
//! [`StreamEncoder`] and [`StreamDecoder`] give the codes and the audio of the whole signal, whatever the
//! chunks: a device either keeps the state of every layer between chunks, or works on chunks with the context
//! that [`plan`] computes. [`windowed`] and [`overlap`] follow other implementations, whose results depend on
//! their chunks.

#![forbid(unsafe_code)]

mod budget;
mod decoder;
mod encoder;
pub mod overlap;
pub mod plan;
mod window_queue;
pub mod windowed;

pub use decoder::StreamDecoder;
pub use encoder::StreamEncoder;
pub use plan::{ChunkPlan, Span};
