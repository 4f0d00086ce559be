//! Presets, weight loading and the assembled Descript Audio Codec.

pub mod checkpoint;
pub mod codec;
pub mod precision;
pub mod preset;
pub mod random;
pub mod registry;
#[cfg(feature = "tiny")]
pub mod tiny;

pub use checkpoint::{Checkpoint, CheckpointError, LoadReport};
pub use codec::{Codec, CodecError, CodecOptions, Encoded};
pub use precision::{Precision, UnknownPrecision};
pub use preset::{Preset, UnknownPreset};
pub use random::RandomWeights;
