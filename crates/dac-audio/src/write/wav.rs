//! Atomic writer of WAV files.

use std::io::BufWriter;
use std::path::Path;

use dac_atomic::{AtomicFile, FinishedFile};

use super::sample::SampleFormat;
use super::stream::{StreamWriter, WriteReport};
use super::{file, header};
use crate::AudioError;
use crate::check::check_format;

/// Maximum size of the samples: the sizes in the header have 32 bits and include up to 72 bytes of header and
/// a pad byte.
const MAX_DATA_BYTES: u64 = u32::MAX as u64 - 73;

/// Writes a WAV file block by block. [`finish`](Self::finish) renames the complete file onto its path;
/// dropping the writer leaves no file.
#[derive(Debug)]
pub struct WavWriter {
    stream: StreamWriter<BufWriter<AtomicFile>>,
    sample_rate_hz: u32,
    channels: usize,
    format: SampleFormat,
}

impl WavWriter {
    /// Creates a file. Its directory must exist. An existing file is unchanged until `finish`, a symbolic
    /// link is followed, a device is written directly.
    ///
    /// # Errors
    /// [`AudioError::Write`], or [`AudioError::Malformed`] for a rate of 0, or 0 or more than
    /// [`MAX_CHANNELS`](crate::MAX_CHANNELS) channels.
    pub fn create(
        path: impl AsRef<Path>,
        sample_rate_hz: u32,
        channels: usize,
        format: SampleFormat,
    ) -> Result<Self, AudioError> {
        let path = path.as_ref();
        let file = file::create(path, sample_rate_hz, channels)?;
        Self::new(file, path, sample_rate_hz, channels, format)
    }

    /// Writes to an empty `file`. Errors contain `path`.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn new(
        file: AtomicFile,
        path: impl AsRef<Path>,
        sample_rate_hz: u32,
        channels: usize,
        format: SampleFormat,
    ) -> Result<Self, AudioError> {
        let path = path.as_ref();
        check_format(path, sample_rate_hz, channels)?;
        let header = header::standard(sample_rate_hz, channels, format);
        let stream = StreamWriter::with_header(file::buffered(file), path, &header, channels, format)?;
        Ok(Self { stream, sample_rate_hz, channels, format })
    }

    /// Announces `samples` samples per channel. Before the first block, a length that exceeds WAV's limit of
    /// just under 4 GiB (13.5 hours of 44.1 kHz mono at 16 bits) turns the file into RF64.
    ///
    /// # Errors
    /// [`AudioError::TooLong`] if blocks were written already; [`AudioError::Write`].
    pub fn reserve(&mut self, samples: u64) -> Result<(), AudioError> {
        let bytes = self.stream.data_bytes(samples);
        if bytes <= MAX_DATA_BYTES || self.stream.is_long() {
            return Ok(());
        }
        if self.stream.report().samples > 0 {
            let path = self.stream.path().to_owned();
            return Err(AudioError::TooLong { path, bytes, max_bytes: MAX_DATA_BYTES });
        }
        let header = header::long(self.sample_rate_hz, self.channels, self.format);
        self.stream.replace_by_long_header(&header)
    }

    /// Appends a block `[channels][samples]`.
    ///
    /// # Errors
    /// [`AudioError::ChannelCount`], [`AudioError::UnevenChannels`], [`AudioError::NonFinite`] with the index
    /// of the sample in the file, [`AudioError::TooLong`], [`AudioError::Write`]. Nothing of a rejected block
    /// is written.
    pub fn write<S: AsRef<[f32]>>(&mut self, block: &[S]) -> Result<(), AudioError> {
        let samples = block.first().map_or(0, |plane| plane.as_ref().len() as u64);
        self.reserve(self.stream.report().samples + samples)?;
        self.stream.write_unflushed(block)
    }

    /// Completes the header, syncs the file and renames it onto its path.
    ///
    /// # Errors
    /// [`AudioError::Write`]; an existing file is unchanged then.
    pub fn finish(self) -> Result<WriteReport, AudioError> {
        let path = self.stream.path().to_owned();
        let (file, report) = self.finish_unnamed()?;
        file::persist(file, &path)?;
        Ok(report)
    }

    /// Completes the header and syncs the file, which keeps its temporary name.
    ///
    /// # Errors
    /// [`AudioError::Write`].
    pub fn finish_unnamed(self) -> Result<(FinishedFile, WriteReport), AudioError> {
        let path = self.stream.path().to_owned();
        let (out, report) = self.stream.finish_seekable()?;
        Ok((file::finish(out, &path)?, report))
    }
}
