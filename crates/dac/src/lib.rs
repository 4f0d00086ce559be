//! The Descript Audio Codec: audio to discrete tokens and back.
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
//!
//! | to | use |
//! |---|---|
//! | load a model | [`Dac::load`], [`Dac::open`] |
//! | encode audio in memory | [`Dac::encode`] |
//! | encode a file, a reader | [`Dac::encode_file`], [`Dac::encode_reader`] |
//! | decode to memory, to a WAV file | [`Dac::decode`], [`Dac::decode_to_file`] |
//! | encode audio as it arrives | [`EncodeSession`] |
//! | decode block by block | [`DecodeSession`] |
//! | decode codes as they arrive | [`PushDecodeSession`] |
//! | encode or decode many streams at once | [`Dac::encoder_group`], [`Dac::decoder_group`] |
//! | read and write token files | [`TokenFile`], [`tokens`] |
//!
//! The examples in `crates/dac/examples` show each of these.

#![forbid(unsafe_code)]

mod audio_buffer;
pub mod cache;
mod chunking;
mod decode;
mod decode_channel;
mod decode_session;
mod decode_span;
mod encode;
mod encode_session;
mod error;
pub mod formulations;
mod groups;
mod input_warning;
mod loudness;
mod model;
mod options;
pub mod prepared;
mod progress;
mod push_decode;
mod token_encoder;

pub use dac_audio::{ChannelMix, SampleFormat, metrics};
pub use dac_model::{CodecOptions as LoadOptions, Precision, Preset};
pub use dac_nn::Device;
pub use dac_rvq::Codes;
pub use dac_tokens as tokens;
pub use dac_tokens::TokenFile;

pub use audio_buffer::Audio;
pub use chunking::Chunking;
pub use decode_session::DecodeSession;
pub use encode_session::EncodeSession;
pub use error::Error;
pub use model::{Dac, ModelInfo, ModelSource};
pub use options::{DecodeOptions, EncodeOptions, OutputRate, Save, TimeRange};
pub use progress::Progress;
pub use push_decode::PushDecodeSession;

/// Reading, writing, mixing, resampling and measuring audio.
pub mod audio {
    pub use dac_audio::{
        AUDIO_EXTENSIONS, AudioError, AudioFormat, AudioInput, AudioReader, AudioSlice, AudioSpec,
        AudioWriter, Damage, DamagePolicy, FlacWriter, LoudnessMeter, MAX_RATE_HZ, MIN_RATE_HZ,
        ModelRateReader, NonFinitePolicy, Planar, ReadBackend, ReadOptions, Resampler, StreamFormat,
        StreamWriter, WavWriter, WriteFormat, WriteReport, resampled_samples,
    };

    pub use crate::loudness::{InputLoudness, WINDOWED_LOUDNESS_DB};
}

/// The network itself, on arrays in memory.
pub mod codec {
    pub use dac_model::codec::{BatchTotals, Isa, LayerTime, Part, Pending};
    #[cfg(feature = "autotune-cache")]
    pub use dac_model::set_autotune_dir;
    pub use dac_model::{Codec, CodecError, Encoded};
    pub use dac_nn::{DeviceError, Geometry, NetworkShape};
    pub use dac_rvq::cpu::QuantizedRows;
    pub use dac_rvq::{Array3, CodesError};
}

/// Chunk plans, and encoders and decoders of one channel at the model's rate, separately or in groups.
pub mod stream {
    pub use dac_stream::overlap::OverlapSettings;
    pub use dac_stream::windowed::{
        WindowedChunks, WindowedDecoder, WindowedEncoder, WindowedError, WindowedPlan, WindowedSummary,
    };
    pub use dac_stream::{
        ChunkPlan, DecoderGroup, EncoderGroup, StepResults, StreamDecoder, StreamEncoder, StreamId,
    };
}

/// Weights files and where they are published.
pub mod weights {
    pub use dac_model::checkpoint::{ConfigJsonError, Guess, Kind, Mismatch, Reason, sha256_of_file};
    pub use dac_model::{Checkpoint, CheckpointError, LoadReport, registry};
}
