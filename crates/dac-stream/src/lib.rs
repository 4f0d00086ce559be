//! Chunk plans, exact streaming and the compatible chunkings of the Descript Audio Codec.
//!
//! Exact chunking gives the codes and the audio of the whole signal, whatever the chunk: [`plan`] says, in integers, which
//! context each chunk needs; [`StreamEncoder`] and [`StreamDecoder`] follow it, or keep the layers' state where the device
//! does.

mod budget;
mod decoder;
pub mod descript;
mod encoder;
mod flight;
pub mod overlap;
pub mod plan;

pub use decoder::StreamDecoder;
pub use encoder::StreamEncoder;
pub use plan::{ChunkPlan, Span};
