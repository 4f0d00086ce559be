//! Presets, weight loading and the assembled Descript Audio Codec.

#[cfg(feature = "autotune-cache")]
mod autotune;
pub mod checkpoint;
pub mod codec;
pub mod precision;
pub mod preset;
pub mod random;
pub mod registry;
#[cfg(feature = "tiny")]
pub mod tiny;

#[cfg(feature = "autotune-cache")]
pub use autotune::keep_autotune_in;
pub use checkpoint::{Checkpoint, CheckpointError, LoadReport};
pub use codec::{Codec, CodecError, CodecOptions, Encoded};
pub use precision::{Precision, UnknownPrecision};
pub use preset::{Preset, UnknownPreset};
pub use random::RandomWeights;
