//! Properties of an audio stream.

/// Supported formats, for error messages.
pub(super) const READABLE: &str = "WAV, FLAC, MP3, Ogg, Opus, AAC/M4A, Matroska/WebM, CAF or AIFF";

/// Properties of an audio stream, from its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioSpec {
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Number of channels, 1 to [`MAX_CHANNELS`](crate::MAX_CHANNELS).
    pub channels: usize,
    /// Samples per channel, if the container contains the number. Exact for valid WAV files; the header of a
    /// pipe, a damaged file or a variable-rate MP3 may differ from what
    /// [`AudioReader::next_block`](crate::AudioReader::next_block) returns.
    pub samples: Option<u64>,
    /// Container and codec for display, such as `WAV, 16-bit PCM` or `FLAC`.
    pub codec: String,
}
