//! Writers of WAV files, and of WAV or raw streams.

mod header;
mod sample;
mod stream;
mod wav;

pub use sample::SampleFormat;
pub use stream::{StreamFormat, StreamWriter};
pub use wav::WavWriter;

/// Result of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WriteReport {
    /// Samples per channel.
    pub samples: u64,
    /// Samples beyond full scale, over all channels, that were clipped. Always 0 for `f32`, which is not
    /// clipped.
    pub clipped: u64,
}
