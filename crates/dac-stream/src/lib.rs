//! Streaming encoders and decoders of one channel, and their chunkings.
//!
//! [`StreamEncoder`] and [`StreamDecoder`] give the codes and the audio of the whole signal, whatever the
//! chunks: a device either keeps the state of every layer between chunks, or works on chunks with the context
//! that [`plan`] computes. [`windowed`] and [`overlap`] follow other implementations, whose results depend on
//! their chunks. [`DecoderGroup`] and [`EncoderGroup`] compute many streams together.

#![forbid(unsafe_code)]

mod budget;
mod decoder;
mod encoder;
mod group;
pub mod overlap;
pub mod plan;
mod ramp;
mod window_queue;
pub mod windowed;

pub use decoder::StreamDecoder;
pub use encoder::StreamEncoder;
pub use group::{DecoderGroup, EncoderGroup, StepResults, StreamId};
pub use plan::{ChunkPlan, Span};
