//! Error type of this crate.

use std::io;
use std::path::{Path, PathBuf};

use crate::{MAX_RATE_HZ, MIN_RATE_HZ};

/// Error of reading, writing, resampling or measuring audio.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The file could not be opened.
    #[error("{}: cannot open: {source}", path.display())]
    Open {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Reading failed.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// Path of the file, or name of the stream.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file has 0 bytes.
    #[error("{}: the file is empty (0 bytes)", path.display())]
    EmptyFile {
        /// Path of the file, or name of the stream.
        path: PathBuf,
    },
    /// The bytes are not in a supported audio format.
    #[error("{}: not an audio file: expected {expected}, found {found}", path.display())]
    NotAudio {
        /// Path of the file, or name of the stream.
        path: PathBuf,
        /// Supported formats.
        expected: &'static str,
        /// Likely kind of the file, with the next step.
        found: String,
    },
    /// The container is supported, but not its codec.
    #[error("{}: unsupported codec: {codec}", path.display())]
    UnsupportedCodec {
        /// Path of the file, or name of the stream.
        path: PathBuf,
        /// Name of the codec if known, and its number.
        codec: String,
    },
    /// A header is invalid.
    #[error("{}: invalid header: expected {expected}, found {found}", path.display())]
    Malformed {
        /// Path of the file, or name of the stream.
        path: PathBuf,
        /// Content of a valid header.
        expected: String,
        /// Content of this header.
        found: String,
    },
    /// The audio data is damaged before its end.
    #[error(
        "{}: damaged audio data after sample {sample}: {reason}; repair the file, or read what is lost as \
         silence (--damaged silence)",
        path.display()
    )]
    Corrupt {
        /// Path of the file, or name of the stream.
        path: PathBuf,
        /// Samples per channel decoded before the damage.
        sample: u64,
        /// Message of the decoder.
        reason: String,
    },
    /// ffmpeg could not be started.
    #[error("{}: cannot read with ffmpeg: {message}", path.display())]
    Ffmpeg {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        message: String,
    },
    /// A sample is NaN or infinite.
    #[error(
        "{}: sample {sample} of channel {channel} is {value}, expected a finite number; repair the file, or \
         read such samples as 0 (--nan zero)", path.display()
    )]
    NonFinite {
        /// Path of the file, or name of the stream.
        path: PathBuf,
        /// Index of the sample in its channel, from 0.
        sample: u64,
        /// Index of the channel, from 0.
        channel: usize,
        /// NaN or infinity.
        value: f32,
    },
    /// A sample rate is outside the supported range.
    #[error("sample rate {rate_hz} Hz is outside {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")]
    RateOutOfRange {
        /// Requested rate.
        rate_hz: u32,
    },
    /// FLAC files cannot contain what is to be written.
    #[error("{}: FLAC files cannot contain {what}, only {possible}; write WAV", path.display())]
    FlacLimit {
        /// Path of the file.
        path: PathBuf,
        /// What is too much.
        what: &'static str,
        /// What is possible.
        possible: String,
    },
    /// A file has no audio track, such as a video without sound.
    #[error("{}: contains no audio track", path.display())]
    NoAudioTrack {
        /// Path of the file, or name of the stream.
        path: PathBuf,
    },
    /// A block has a different number of channels than its stream.
    #[error("expected a block of {expected} channels, found {found}")]
    ChannelCount {
        /// Channels of the stream.
        expected: usize,
        /// Channels of the block.
        found: usize,
    },
    /// The channels of one block differ in length.
    #[error("channel {channel} of a block has {found} samples, expected {expected} as in channel 0")]
    UnevenChannels {
        /// Index of the first channel that differs, from 0.
        channel: usize,
        /// Samples in channel 0.
        expected: usize,
        /// Samples in that channel.
        found: usize,
    },
    /// The requested length is below what was already returned, or far above what the input yields.
    #[error("cannot resample to {wanted} samples: the input yields {found}")]
    OutputLength {
        /// Requested samples per channel.
        wanted: u64,
        /// Samples per channel already returned, or available from the input.
        found: u64,
    },
    /// A signal to resample contains NaN or infinity, or the resampler failed.
    #[error("cannot resample from {from_hz} to {to_hz} Hz: {reason}")]
    Resample {
        /// Sample rate of the input.
        from_hz: u32,
        /// Sample rate of the output.
        to_hz: u32,
        /// Message of the resampler.
        reason: String,
    },
    /// Writing failed.
    #[error("{}: cannot write: {source}", path.display())]
    Write {
        /// Path of the file, or name of the stream.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The samples exceed the size limit of a WAV file.
    #[error("{}: {bytes} bytes of samples exceed the limit of a WAV file, {max_bytes} bytes", path.display())]
    TooLong {
        /// Path of the file.
        path: PathBuf,
        /// Bytes of all samples.
        bytes: u64,
        /// Limit of the format.
        max_bytes: u64,
    },
    /// The name of a sample format is unknown.
    #[error("unknown sample format {found:?}, expected i16, i24 or f32")]
    SampleFormat {
        /// Name that was given.
        found: String,
    },
    /// The name of a file format is unknown.
    #[error("unknown audio format {found:?}, expected wav or flac")]
    AudioFormat {
        /// Name that was given.
        found: String,
    },
    /// Two signals to compare differ in length.
    #[error("cannot compare signals of {reference_samples} and {estimate_samples} samples")]
    LengthsDiffer {
        /// Samples per channel of the reference.
        reference_samples: u64,
        /// Samples per channel of the estimate.
        estimate_samples: u64,
    },
}

impl AudioError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn malformed(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), expected: expected.into(), found: found.into() }
    }
}
