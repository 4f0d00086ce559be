//! Reads, writes, resamples and measures audio. Independent of the codec.
//!
//! Everything streams: memory does not depend on the length of a file. Samples are `f32`, planar, as
//! `[channels][samples]`; integers of `b` bits become `v / 2^(b-1)`, so full scale is `[-1, 1)`.
//!
//! | task | type |
//! |---|---|
//! | read a file or a pipe | [`AudioReader`] |
//! | read at a model's rate and channels | [`ModelRateReader`] |
//! | mix to mono | [`ChannelMix`] |
//! | change the sample rate | [`Resampler`] |
//! | read an input several times | [`AudioInput`] |
//! | write a WAV or FLAC file atomically | [`AudioWriter`] |
//! | write WAV or raw `f32` into a pipe | [`StreamWriter`] |
//! | measure integrated loudness | [`LoudnessMeter`] |
//! | compare two signals | [`metrics`] |

#![forbid(unsafe_code)]

mod check;
mod downmix;
mod error;
mod limits;
mod loudness;
pub mod metrics;
mod model_rate;
mod non_finite;
mod planar;
mod read;
mod resample;
mod write;

pub use check::check_planar;
pub use downmix::ChannelMix;
pub use error::AudioError;
pub use limits::{MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ};
pub use loudness::{LoudnessMeter, MIN_LOUDNESS_DB, loudness_gain};
pub use model_rate::{AudioSlice, ModelRateConverter, ModelRateReader};
pub use non_finite::NonFinitePolicy;
pub use planar::Planar;
pub use read::{
    AUDIO_EXTENSIONS, AudioInput, AudioReader, AudioSpec, Damage, DamagePolicy, ReadBackend, ReadOptions,
};
pub use resample::{Resampler, resampled_samples};
pub use write::{
    AudioFormat, AudioWriter, FlacWriter, SampleFormat, StreamFormat, StreamWriter, WavWriter, WriteFormat,
    WriteReport,
};
