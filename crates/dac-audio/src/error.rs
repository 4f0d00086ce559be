//! The one error type of this crate: every variant carries the facts needed to find the fault.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong between a file and its samples.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The file could not be opened.
    #[error("{}: cannot open: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Reading failed in the middle.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file or the stream's name.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file has no byte at all.
    #[error("{}: the file is empty (0 bytes)", path.display())]
    EmptyFile {
        /// The file or the stream's name.
        path: PathBuf,
    },
    /// The bytes are of no format that this crate reads.
    #[error("{}: not an audio file: expected {expected}, found {found}", path.display())]
    NotAudio {
        /// The file or the stream's name.
        path: PathBuf,
        /// The formats that would have been accepted.
        expected: &'static str,
        /// A description of the first bytes.
        found: String,
    },
    /// The container is known, its codec is not one that this crate decodes.
    #[error("{}: unsupported codec: {codec}", path.display())]
    UnsupportedCodec {
        /// The file or the stream's name.
        path: PathBuf,
        /// The codec, by name where it is known, and by number.
        codec: String,
    },
    /// A header contradicts itself or its format.
    #[error("{}: malformed header: expected {expected}, found {found}", path.display())]
    Malformed {
        /// The file or the stream's name.
        path: PathBuf,
        /// What a valid file has there.
        expected: String,
        /// What this file has there.
        found: String,
    },
    /// The audio data is damaged before its end.
    #[error("{}: damaged audio data after sample {sample}: {reason}", path.display())]
    Corrupt {
        /// The file or the stream's name.
        path: PathBuf,
        /// Samples per channel that were decoded before the damage.
        sample: u64,
        /// What the decoder said.
        reason: String,
    },
    /// A sample is NaN or infinite.
    #[error("{}: sample {sample} of channel {channel} is {value}, expected a finite number", path.display())]
    NonFinite {
        /// The file or the stream's name, read or written.
        path: PathBuf,
        /// Index of the sample in its channel, from 0.
        sample: u64,
        /// Index of the channel, from 0.
        channel: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A sample rate outside of what the resampler does.
    #[error("sample rate {rate_hz} Hz is outside {min_hz} to {max_hz} Hz", min_hz = crate::MIN_RATE_HZ, max_hz = crate::MAX_RATE_HZ)]
    RateOutOfRange {
        /// The rate that was asked for.
        rate_hz: u32,
    },
    /// A block has another number of channels than the stream it belongs to.
    #[error("expected a block of {expected} channels, found {found}")]
    ChannelCount {
        /// Channels of the stream.
        expected: usize,
        /// Channels of the block.
        found: usize,
    },
    /// The channels of one block differ in length.
    #[error("channel {channel} of a block has {found} samples, the first has {expected}")]
    UnevenChannels {
        /// Index of the first channel that differs.
        channel: usize,
        /// Samples in channel 0.
        expected: usize,
        /// Samples in that channel.
        found: usize,
    },
    /// A total length was asked for that the stream cannot have any more, or is far from it.
    #[error("cannot end after {wanted} samples: {found} is what the input gives")]
    OutputLength {
        /// Samples asked for.
        wanted: u64,
        /// Samples written already, or that the input gives.
        found: u64,
    },
    /// The resampler could not be built or run; not expected for rates that were accepted.
    #[error("resampling from {from_hz} to {to_hz} Hz: {reason}")]
    Resample {
        /// The input's rate.
        from_hz: u32,
        /// The output's rate.
        to_hz: u32,
        /// What the resampler said.
        reason: String,
    },
    /// Writing failed.
    #[error("{}: cannot write: {source}", path.display())]
    Write {
        /// The file or the stream's name.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A WAV file cannot hold that much.
    #[error("{}: {bytes} bytes of samples do not fit in a WAV file, which holds at most {max_bytes}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes of samples that were to be written.
        bytes: u64,
        /// What the format holds.
        max_bytes: u64,
    },
    /// A sample format's name is not known.
    #[error("unknown sample format {found:?}, expected i16, i24 or f32")]
    SampleFormat {
        /// The name.
        found: String,
    },
    /// Two signals that are to be compared differ in length.
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
