//! Presets, weight loading and the assembled Descript Audio Codec.

// Only `codec::prepared::mapping` allows it.
#![deny(unsafe_code)]

#[cfg(feature = "autotune-cache")]
mod autotune;
pub mod checkpoint;
pub mod codec;
pub mod preset;
mod published;
pub mod random;
pub mod registry;
#[cfg(feature = "tiny")]
pub mod tiny;

#[cfg(feature = "autotune-cache")]
pub use autotune::set_autotune_dir;
pub use checkpoint::{Checkpoint, CheckpointError, LoadReport};
pub use codec::prepared;
pub use codec::{Codec, CodecError, CodecOptions, Encoded};
pub use dac_kernels::Precision;
pub use preset::Preset;
pub use random::RandomWeights;
