//! WAV and raw samples into anything that takes bytes: a pipe of unknown length, a socket, a file.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::sample::check_block;
use super::{SampleFormat, WriteReport};
use crate::{AudioError, MAX_CHANNELS};

/// Bytes of the header that [`StreamFormat::Wav`] writes.
const HEADER_BYTES: u64 = 44;

/// What a [`StreamWriter`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFormat {
    /// A 44-byte WAV header with sizes of 0xFFFFFFFF, then samples. Readers take that size as "to the end".
    Wav(SampleFormat),
    /// Little-endian `f32`, channels interleaved, no header.
    RawF32,
}

impl StreamFormat {
    fn sample_format(self) -> SampleFormat {
        match self {
            Self::Wav(format) => format,
            Self::RawF32 => SampleFormat::F32,
        }
    }
}

/// Writes an endless stream of samples; each block is flushed, so that a pipe's reader gets it at once.
#[derive(Debug)]
pub struct StreamWriter<W> {
    out: W,
    path: PathBuf,
    format: StreamFormat,
    channels: usize,
    bytes: Vec<u8>,
    report: WriteReport,
}

impl<W: Write> StreamWriter<W> {
    /// Begins a stream and writes its header. `name` is used in errors.
    ///
    /// # Errors
    /// [`AudioError::Write`], or [`AudioError::Malformed`] for a rate of 0, or 0 or more than
    /// [`MAX_CHANNELS`](crate::MAX_CHANNELS) channels.
    pub fn new(
        mut out: W,
        name: impl AsRef<Path>,
        sample_rate_hz: u32,
        channels: usize,
        format: StreamFormat,
    ) -> Result<Self, AudioError> {
        let path = name.as_ref().to_owned();
        if channels == 0 || channels > MAX_CHANNELS || sample_rate_hz == 0 {
            return Err(AudioError::malformed(
                &path,
                format!("1 to {MAX_CHANNELS} channels at a rate above 0 Hz"),
                format!("{channels} channels at {sample_rate_hz} Hz"),
            ));
        }
        if let StreamFormat::Wav(format) = format {
            out.write_all(&header(sample_rate_hz, channels, format))
                .map_err(|error| AudioError::write(&path, error))?;
        }
        Ok(Self { out, path, format, channels, bytes: Vec::new(), report: WriteReport::default() })
    }

    /// Writes and flushes a block `[channels][samples]`.
    ///
    /// # Errors
    /// A block of another shape, [`AudioError::NonFinite`], [`AudioError::Write`].
    pub fn write<S: AsRef<[f32]>>(&mut self, block: &[S]) -> Result<(), AudioError> {
        let samples = check_block(block, self.channels, &self.path, self.report.samples)?;
        let format = self.format.sample_format();
        self.bytes.clear();
        for index in 0..samples {
            for plane in block {
                let value = plane.as_ref().get(index).copied().unwrap_or(0.0);
                if format == SampleFormat::F32 {
                    self.bytes.extend_from_slice(&value.to_le_bytes());
                } else {
                    let (quantized, clipped) = format.quantize(value);
                    self.report.clipped += u64::from(clipped);
                    self.bytes.extend(quantized.to_le_bytes().into_iter().take(format.bytes()));
                }
            }
        }
        let written = self.out.write_all(&self.bytes).and_then(|()| self.out.flush());
        written.map_err(|error| AudioError::write(&self.path, error))?;
        self.report.samples += samples as u64;
        Ok(())
    }

    /// Ends the stream; its header keeps the sizes of 0xFFFFFFFF.
    ///
    /// # Errors
    /// [`AudioError::Write`].
    pub fn finish(mut self) -> Result<(W, WriteReport), AudioError> {
        self.out.flush().map_err(|error| AudioError::write(&self.path, error))?;
        Ok((self.out, self.report))
    }

    /// Ends the stream and puts the true sizes into its header, if they fit in 32 bits. The header must be at the
    /// beginning of `W`.
    ///
    /// # Errors
    /// [`AudioError::Write`].
    pub fn finish_seekable(mut self) -> Result<(W, WriteReport), AudioError>
    where
        W: Seek,
    {
        if let StreamFormat::Wav(format) = self.format {
            let data = self.report.samples * (format.bytes() * self.channels) as u64;
            let sizes = (u32::try_from(data), u32::try_from(data + data % 2 + HEADER_BYTES - 8));
            if let (Ok(data), Ok(riff)) = sizes {
                self.patch(data, riff).map_err(|error| AudioError::write(&self.path, error))?;
            }
        }
        self.finish()
    }

    fn patch(&mut self, data: u32, riff: u32) -> std::io::Result<()>
    where
        W: Seek,
    {
        if data % 2 == 1 {
            self.out.write_all(&[0])?;
        }
        self.out.seek(SeekFrom::Start(4))?;
        self.out.write_all(&riff.to_le_bytes())?;
        self.out.seek(SeekFrom::Start(HEADER_BYTES - 4))?;
        self.out.write_all(&data.to_le_bytes())?;
        self.out.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

/// The plain 16-byte `fmt ` chunk and a `data` chunk without end.
fn header(sample_rate_hz: u32, channels: usize, format: SampleFormat) -> Vec<u8> {
    let tag: u16 = if format == SampleFormat::F32 { 3 } else { 1 };
    let frame_bytes = format.bytes() * channels;
    let mut bytes = Vec::with_capacity(HEADER_BYTES as usize);
    bytes.extend_from_slice(b"RIFF\xff\xff\xff\xffWAVEfmt ");
    bytes.extend_from_slice(&16_u32.to_le_bytes());
    bytes.extend_from_slice(&tag.to_le_bytes());
    bytes.extend_from_slice(&(channels as u16).to_le_bytes());
    bytes.extend_from_slice(&sample_rate_hz.to_le_bytes());
    bytes.extend_from_slice(&sample_rate_hz.saturating_mul(frame_bytes as u32).to_le_bytes());
    bytes.extend_from_slice(&(frame_bytes as u16).to_le_bytes());
    bytes.extend_from_slice(&(8 * format.bytes() as u16).to_le_bytes());
    bytes.extend_from_slice(b"data\xff\xff\xff\xff");
    bytes
}
