//! The Descript Audio Codec in one line each: load, encode, decode, save.
//!
//! ```
//! # #[cfg(feature = "tiny")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use dac::{Audio, Dac, DecodeOptions, Device, EncodeOptions};
//!
//! let codec = Dac::load("tiny", Device::Cpu)?;
//! let audio = Audio::mono(vec![0.1; 30_000], 44_100);
//! let tokens = codec.encode(&audio, &EncodeOptions::default())?;
//! let decoded = codec.decode(&tokens, &DecodeOptions::default())?;
//! assert_eq!(decoded.samples(), 30_000);
//! # Ok(()) }
//! # #[cfg(not(feature = "tiny"))]
//! # fn main() {}
//! ```

mod audio;
pub mod cache;
mod decode;
mod descript;
mod encode;
mod error;
mod lengths;
mod live;
mod model;

pub use audio::Audio;
pub use dac_atomic::AtomicFile;
pub use dac_audio::{
    AUDIO_EXTENSIONS, AudioError, AudioReader, AudioSlice, AudioSpec, ChannelMix, LoudnessMeter, MAX_RATE_HZ,
    MIN_RATE_HZ, ModelRateReader, NonFinitePolicy, Planar, Resampler, SampleFormat, StreamFormat,
    StreamWriter, WavWriter, WriteReport, metrics, resampled_samples,
};
pub use dac_model::checkpoint::{Mismatch, Reason, sha256_of_file};
pub use dac_model::codec::{CpuLevel, LayerTime, Part, Pending};
#[cfg(feature = "autotune-cache")]
pub use dac_model::keep_autotune_in;
pub use dac_model::{
    Checkpoint, CheckpointError, Codec, CodecError, CodecOptions as LoadOptions, Encoded, LoadReport,
    Precision, Preset, registry,
};
pub use dac_nn::{Device, DeviceError, Geometry, NetworkShape};
pub use dac_rvq::plain::QuantizedRows;
pub use dac_rvq::{Array3, Codes, CodesError};
pub use dac_stream::descript::{
    DescriptChunks, DescriptDecoder, DescriptEncoder, DescriptError, DescriptPlan, DescriptSummary,
};
pub use dac_stream::overlap::OverlapSettings;
pub use dac_stream::{ChunkPlan, StreamDecoder, StreamEncoder};
pub use dac_tokens as tokens;
pub use dac_tokens::{Format, TokenFile, TokenMeta};
pub use decode::{DecodeOptions, DecodeSession, OutputRate, TimeRange};
pub use descript::{DESCRIPT_LOUDNESS_DB, DESCRIPT_WINDOW_SECONDS, InputLoudness};
pub use encode::{EncodeOptions, EncodeSession, Save};
pub use error::Error;
pub use live::LiveDecoder;
pub use model::{Chunking, Dac, ModelInfo, ModelSource};
