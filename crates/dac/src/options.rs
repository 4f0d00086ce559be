//! Options of encodes and decodes.

use dac_audio::{ChannelMix, DamagePolicy, NonFinitePolicy, ReadBackend, ReadOptions};

use crate::chunking::Chunking;

pub use dac_tokens::Save;

/// Options of an encode.
#[derive(Debug, Clone, Default)]
pub struct EncodeOptions {
    /// Number of codebooks; `None` uses all.
    pub codebooks: Option<usize>,
    /// Mixes the channels to mono, or encodes each by itself.
    pub channels: ChannelMix,
    /// The arrays to keep.
    pub save: Save,
    /// The way long signals are divided.
    pub chunk: Chunking,
    /// Treatment of NaN and infinite samples.
    pub non_finite: NonFinitePolicy,
    /// Treatment of damage inside a file.
    pub damage: DamagePolicy,
    /// Program that reads a file.
    pub backend: ReadBackend,
    /// Measures the loudness of the mixed and resampled input, all channels together, and records it in the
    /// tokens; a `.dac` file needs it. [`Chunking::Windowed`] always does this.
    pub measure_loudness: bool,
}

impl EncodeOptions {
    /// Number of times that an encode reads its input.
    pub fn passes(&self) -> usize {
        if matches!(self.chunk, Chunking::Windowed { .. }) { 2 } else { 1 }
    }

    /// Options for reading the input.
    pub fn read_options(&self) -> ReadOptions {
        ReadOptions { non_finite: self.non_finite, damage: self.damage, backend: self.backend }
    }
}

/// Sample rate of the decoded audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputRate {
    /// The model's rate.
    #[default]
    Model,
    /// The rate of the audio that was encoded, and its exact length.
    Input,
    /// Another rate, in Hz.
    Hz(u32),
}

/// Options of a decode.
#[derive(Debug, Clone, Default)]
pub struct DecodeOptions {
    /// Number of the tokens' codebooks to decode; `None` uses all.
    pub codebooks: Option<usize>,
    /// Sample rate of the output.
    pub output_rate: OutputRate,
    /// The way long signals are divided. Tokens that record windows are always decoded in these windows.
    pub chunk: Chunking,
    /// The part of the signal to decode; `None` decodes all.
    pub range: Option<TimeRange>,
    /// Number of frames at the end that are decoded only as context of the earlier ones: the audio ends where
    /// they begin. For tokens whose end is arbitrary, such as those of a language model, with the decoder's
    /// look-ahead ([`Geometry::decoder_right_frames`](crate::codec::Geometry)) or more, the audio equals that
    /// of a longer sequence. Not for tokens that record windows.
    pub tail_frames: usize,
    /// Brings all channels by one gain to the loudness that the tokens record
    /// ([`Dac::loudness_gain`](crate::Dac::loudness_gain)), after a first pass over the whole signal, also
    /// for a range. Has no effect on tokens that record no loudness.
    pub restore_loudness: bool,
}

/// A part of a signal; ends at the signal's end at the latest.
///
/// Contains the output samples from round(start · rate) to round((start + duration) · rate), without the
/// last: ranges that follow each other tile the signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeRange {
    /// Start in seconds from the signal's start.
    pub start_seconds: f64,
    /// Length in seconds.
    pub duration_seconds: f64,
}
