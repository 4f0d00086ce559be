//! Writing audio: WAV files, whole or not at all, and endless WAV or raw streams.

mod sample;
mod stream;
mod wav;

pub use sample::SampleFormat;
pub use stream::{StreamFormat, StreamWriter};
pub use wav::WavWriter;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WriteReport {
    /// Samples per channel.
    pub samples: u64,
    /// Samples, over all channels, that were beyond full scale and were cut to it. Always 0 for `f32`, which has no
    /// such limit.
    pub clipped: u64,
}
