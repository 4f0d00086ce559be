//! Writer of WAV or raw samples into a pipe, a socket or a file.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::header;
use super::sample::{SampleFormat, check_block};
use crate::AudioError;
use crate::check::check_format;

/// Size at which encoded samples are written, so that long blocks are not held in memory twice.
const BUFFER_BYTES: usize = 1 << 16;

/// Format of a [`StreamWriter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFormat {
    /// A 44-byte WAV header with sizes of 0xFFFFFFFF, then samples. Readers take that size as "to the end".
    Wav(SampleFormat),
    /// Little-endian `f32`, channels interleaved, without a header.
    RawF32,
}

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

/// Writes a stream of samples of unknown length. Flushes each block, so that the reader of a pipe gets it at
/// once.
#[derive(Debug)]
pub struct StreamWriter<W> {
    out: W,
    path: PathBuf,
    /// Size of the WAV header, 0 for raw samples.
    header_bytes: u64,
    /// True for an RF64 header, whose sizes have 64 bits.
    is_long: bool,
    format: SampleFormat,
    channels: usize,
    /// Encoded samples that are not written yet.
    bytes: Vec<u8>,
    report: WriteReport,
}

impl<W: Write> StreamWriter<W> {
    /// Starts a stream and writes its header. Errors contain `name`.
    ///
    /// # Errors
    /// [`AudioError::Write`], or [`AudioError::Malformed`] for a rate of 0, or 0 or more than
    /// [`MAX_CHANNELS`](crate::MAX_CHANNELS) channels.
    pub fn new(
        out: W,
        name: impl AsRef<Path>,
        sample_rate_hz: u32,
        channels: usize,
        format: StreamFormat,
    ) -> Result<Self, AudioError> {
        let path = name.as_ref();
        check_format(path, sample_rate_hz, channels)?;
        let (header, format) = match format {
            StreamFormat::Wav(format) => (header::short(sample_rate_hz, channels, format), format),
            StreamFormat::RawF32 => (Vec::new(), SampleFormat::F32),
        };
        Self::with_header(out, path, &header, channels, format)
    }

    /// Starts a stream with a given header, whose last 4 bytes are the size of the samples.
    pub(super) fn with_header(
        mut out: W,
        path: &Path,
        header: &[u8],
        channels: usize,
        format: SampleFormat,
    ) -> Result<Self, AudioError> {
        out.write_all(header).map_err(|error| AudioError::write(path, error))?;
        let (path, header_bytes) = (path.to_owned(), header.len() as u64);
        let report = WriteReport::default();
        Ok(Self { out, path, header_bytes, is_long: false, format, channels, bytes: Vec::new(), report })
    }

    /// Writes and flushes a block `[channels][samples]`.
    ///
    /// # Errors
    /// [`AudioError::ChannelCount`], [`AudioError::UnevenChannels`], [`AudioError::NonFinite`],
    /// [`AudioError::Write`].
    pub fn write<S: AsRef<[f32]>>(&mut self, block: &[S]) -> Result<(), AudioError> {
        self.write_unflushed(block)?;
        self.out.flush().map_err(|error| AudioError::write(&self.path, error))
    }

    pub(super) fn write_unflushed<S: AsRef<[f32]>>(&mut self, block: &[S]) -> Result<(), AudioError> {
        let samples = check_block(block, self.channels, &self.path, self.report.samples)?;
        self.bytes.clear();
        let mut clipped = 0;
        for index in 0..samples {
            for plane in block {
                let value = plane.as_ref().get(index).copied().unwrap_or(0.0);
                if self.format == SampleFormat::F32 {
                    self.bytes.extend_from_slice(&value.to_le_bytes());
                } else {
                    let (quantized, is_clipped) = self.format.quantize(value);
                    clipped += u64::from(is_clipped);
                    self.bytes.extend(quantized.to_le_bytes().into_iter().take(self.format.bytes()));
                }
            }
            if self.bytes.len() >= BUFFER_BYTES {
                self.write_buffer()?;
            }
        }
        self.write_buffer()?;
        self.report.samples += samples as u64;
        self.report.clipped += clipped;
        Ok(())
    }

    fn write_buffer(&mut self) -> Result<(), AudioError> {
        self.out.write_all(&self.bytes).map_err(|error| AudioError::write(&self.path, error))?;
        self.bytes.clear();
        Ok(())
    }

    /// Samples and clipped samples written so far.
    pub(super) fn report(&self) -> WriteReport {
        self.report
    }

    /// Bytes of the given number of samples per channel.
    pub(super) fn data_bytes(&self, samples: u64) -> u64 {
        samples.saturating_mul((self.format.bytes() * self.channels) as u64)
    }

    /// Replaces the header by one with sizes of 64 bits; no sample may have been written.
    pub(super) fn replace_by_long_header(&mut self, header: &[u8]) -> Result<(), AudioError>
    where
        W: Seek,
    {
        let mut replace = || {
            self.out.seek(SeekFrom::Start(0))?;
            self.out.write_all(header)
        };
        replace().map_err(|error| AudioError::write(&self.path, error))?;
        (self.header_bytes, self.is_long) = (header.len() as u64, true);
        Ok(())
    }

    pub(super) fn is_long(&self) -> bool {
        self.is_long
    }

    /// Path or name in errors.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the stream; the sizes in its header remain 0xFFFFFFFF.
    ///
    /// # Errors
    /// [`AudioError::Write`].
    pub fn finish(mut self) -> Result<(W, WriteReport), AudioError> {
        self.out.flush().map_err(|error| AudioError::write(&self.path, error))?;
        Ok((self.out, self.report))
    }

    /// Ends the stream and writes its sizes into the header at the beginning of `W`, if they fit in 32 bits.
    ///
    /// # Errors
    /// [`AudioError::Write`].
    pub fn finish_seekable(mut self) -> Result<(W, WriteReport), AudioError>
    where
        W: Seek,
    {
        let data = self.data_bytes(self.report.samples);
        // RIFF chunks of odd size are followed by a pad byte.
        let riff = (data + data % 2 + self.header_bytes).saturating_sub(8);
        if self.is_long {
            self.write_long_sizes(data, riff).map_err(|error| AudioError::write(&self.path, error))?;
        } else if self.header_bytes > 0
            && let (Ok(data), Ok(riff)) = (u32::try_from(data), u32::try_from(riff))
        {
            self.write_sizes(data, riff).map_err(|error| AudioError::write(&self.path, error))?;
        }
        self.finish()
    }

    fn write_long_sizes(&mut self, data: u64, riff: u64) -> io::Result<()>
    where
        W: Seek,
    {
        if data % 2 == 1 {
            self.out.write_all(&[0])?;
        }
        self.out.seek(SeekFrom::Start(header::LONG_SIZES_AT))?;
        for size in [riff, data, self.report.samples] {
            self.out.write_all(&size.to_le_bytes())?;
        }
        self.out.seek(SeekFrom::End(0))?;
        Ok(())
    }

    fn write_sizes(&mut self, data: u32, riff: u32) -> io::Result<()>
    where
        W: Seek,
    {
        if data % 2 == 1 {
            self.out.write_all(&[0])?;
        }
        self.out.seek(SeekFrom::Start(4))?;
        self.out.write_all(&riff.to_le_bytes())?;
        self.out.seek(SeekFrom::Start(self.header_bytes - 4))?;
        self.out.write_all(&data.to_le_bytes())?;
        self.out.seek(SeekFrom::End(0))?;
        Ok(())
    }
}
