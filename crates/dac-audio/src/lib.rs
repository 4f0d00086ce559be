//! Audio files in and out, resampling, channels, loudness. Knows nothing of the codec.
//!
//! Everything streams: memory does not depend on the length of a file. Samples are `f32`, planar, as
//! `[channels][samples]`; integers of `b` bits become `v / 2^(b-1)`, so full scale is `[-1, 1)`.
//!
//! | to do | use |
//! |---|---|
//! | read a file or a pipe | [`AudioReader`] |
//! | mix to mono | [`ChannelMix`] |
//! | change the sample rate | [`Resampler`] |
//! | write a WAV file, whole or not at all | [`WavWriter`] |
//! | write WAV or raw `f32` into a pipe | [`StreamWriter`] |
//! | measure integrated loudness | [`LoudnessMeter`] |
//! | compare two signals | [`metrics`] |
//!
//! ```no_run
//! use dac_audio::{AudioReader, ChannelMix, Resampler};
//!
//! # fn main() -> Result<(), dac_audio::AudioError> {
//! let mut reader = AudioReader::open("speech.flac")?;
//! let mut resampler = Resampler::new(reader.spec().sample_rate_hz, 44_100, 1)?;
//! let mut mono = Vec::new();
//! while let Some(block) = reader.next_block(65_536)? {
//!     let block = ChannelMix::Mono.apply(block);
//!     mono.extend_from_slice(&resampler.push(&block)?[0]);
//! }
//! mono.extend_from_slice(&resampler.flush()?[0]);
//! # Ok(()) }
//! ```

mod error;
mod finite;
mod loudness;
pub mod metrics;
mod mix;
mod planar;
mod read;
mod resample;
mod write;

pub use error::AudioError;
pub use finite::NonFinitePolicy;
pub use loudness::{LoudnessMeter, MIN_LOUDNESS_DB, loudness_gain};
pub use mix::ChannelMix;
pub use planar::{Planar, check_planar};
pub use read::{AUDIO_EXTENSIONS, AudioReader, AudioSpec, MAX_CHANNELS};
pub use resample::{MAX_RATE_HZ, MIN_RATE_HZ, Resampler, resampled_samples};
pub use write::{SampleFormat, StreamFormat, StreamWriter, WavWriter, WriteReport};
