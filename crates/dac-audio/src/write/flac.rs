//! Atomic writer of FLAC files.

use std::fmt;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use dac_atomic::{AtomicFile, FinishedFile};
use flacenc::bitsink::ByteSink;
use flacenc::component::{BitRepr, StreamInfo};
use flacenc::config::Encoder;
use flacenc::error::{Verified, Verify};
use flacenc::source::{Context, Fill, FrameBuf};

use super::file;
use super::sample::{SampleFormat, check_block};
use super::stream::WriteReport;
use crate::AudioError;
use crate::check::check_format;

/// Samples per channel of a frame.
const BLOCK_SAMPLES: usize = 4_096;
/// Channels that the format allows.
const MAX_FLAC_CHANNELS: usize = 8;
/// Highest sample rate that the encoder writes.
pub(super) const MAX_FLAC_RATE_HZ: u32 = 96_000;

/// Writes a FLAC file block by block. [`finish`](Self::finish) renames the complete file onto its path;
/// dropping the writer leaves no file.
pub struct FlacWriter {
    out: BufWriter<AtomicFile>,
    path: PathBuf,
    format: SampleFormat,
    channels: usize,
    config: Verified<Encoder>,
    /// Encoder without prediction, for noise that prediction would only enlarge.
    plain_config: Verified<Encoder>,
    info: StreamInfo,
    frame: FrameBuf,
    context: Context,
    /// Interleaved samples of the next frame.
    pending: Vec<i32>,
    frames: usize,
    /// Smallest and largest frame in bytes.
    frame_bytes: (u32, u32),
    sample_rate_hz: u32,
    report: WriteReport,
}

impl fmt::Debug for FlacWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlacWriter")
            .field("path", &self.path)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl FlacWriter {
    /// Creates a file. Its directory must exist.
    ///
    /// # Errors
    /// [`AudioError::Write`]; [`AudioError::Malformed`] for a rate above 96 kHz, more than 8 channels or
    /// samples other than `i16` and `i24`.
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
        let path = path.as_ref().to_owned();
        check_format(&path, sample_rate_hz, channels)?;
        let cannot_write = |what, possible| AudioError::FlacLimit { path: path.clone(), what, possible };
        if format == SampleFormat::F32 {
            return Err(cannot_write("f32 samples", "i16 and i24".to_owned()));
        }
        let bits = format.bytes() * 8;
        if channels > MAX_FLAC_CHANNELS {
            return Err(cannot_write("so many channels", format!("up to {MAX_FLAC_CHANNELS}")));
        }
        if sample_rate_hz > MAX_FLAC_RATE_HZ {
            return Err(cannot_write("this sample rate", format!("up to {MAX_FLAC_RATE_HZ} Hz")));
        }
        let invalid =
            |error: &dyn fmt::Display| AudioError::malformed(&path, "a FLAC stream", error.to_string());
        let info = StreamInfo::new(sample_rate_hz as usize, channels, bits).map_err(|e| invalid(&e))?;
        let frame = FrameBuf::with_size(channels, BLOCK_SAMPLES).map_err(|e| invalid(&e))?;
        let mut plain = Encoder::default();
        plain.subframe_coding.use_fixed = false;
        plain.subframe_coding.use_lpc = false;
        let verified = |encoder: Encoder| encoder.into_verified().map_err(|(_, error)| invalid(&error));
        let (config, plain_config) = (verified(Encoder::default())?, verified(plain)?);
        let mut writer = Self {
            out: file::buffered(file),
            path,
            format,
            channels,
            config,
            plain_config,
            info,
            frame,
            context: Context::new(bits, channels),
            pending: Vec::new(),
            frames: 0,
            frame_bytes: (u32::MAX, 0),
            sample_rate_hz,
            report: WriteReport::default(),
        };
        writer.write_bytes(&writer.header())?;
        Ok(writer)
    }

    /// Appends a block `[channels][samples]`.
    ///
    /// # Errors
    /// As [`WavWriter::write`](super::WavWriter::write).
    pub fn write<S: AsRef<[f32]>>(&mut self, block: &[S]) -> Result<(), AudioError> {
        let samples = check_block(block, self.channels, &self.path, self.report.samples)?;
        for index in 0..samples {
            for plane in block {
                let value = plane.as_ref().get(index).copied().unwrap_or(0.0);
                let (quantized, is_clipped) = self.format.quantize(value);
                self.report.clipped += u64::from(is_clipped);
                self.pending.push(quantized);
            }
            if self.pending.len() == BLOCK_SAMPLES * self.channels {
                self.write_frame()?;
            }
        }
        self.report.samples += samples as u64;
        Ok(())
    }

    /// Completes the header, syncs the file and renames it onto its path.
    ///
    /// # Errors
    /// [`AudioError::Write`]; an existing file is unchanged then.
    pub fn finish(self) -> Result<WriteReport, AudioError> {
        let path = self.path.clone();
        let (file, report) = self.finish_unnamed()?;
        file::persist(file, &path)?;
        Ok(report)
    }

    /// Completes the header and syncs the file, which keeps its temporary name.
    ///
    /// # Errors
    /// [`AudioError::Write`].
    pub fn finish_unnamed(mut self) -> Result<(FinishedFile, WriteReport), AudioError> {
        if !self.pending.is_empty() {
            self.write_frame()?;
        }
        let header = self.header();
        self.out.seek(SeekFrom::Start(0)).map_err(|error| AudioError::write(&self.path, error))?;
        self.write_bytes(&header)?;
        Ok((file::finish(self.out, &self.path)?, self.report))
    }

    fn write_frame(&mut self) -> Result<(), AudioError> {
        let plain_bytes = self.pending.len() * self.format.bytes();
        let mut encode = || -> Result<ByteSink, Box<dyn std::error::Error>> {
            self.frame.fill_interleaved(&self.pending)?;
            self.context.fill_interleaved(&self.pending)?;
            let with = |config| -> Result<ByteSink, Box<dyn std::error::Error>> {
                let frame = flacenc::encode_fixed_size_frame(config, &self.frame, self.frames, &self.info)?;
                let mut sink = ByteSink::new();
                frame.write(&mut sink)?;
                Ok(sink)
            };
            let sink = with(&self.config)?;
            if sink.as_slice().len() > plain_bytes { with(&self.plain_config) } else { Ok(sink) }
        };
        let sink = encode().map_err(|error| {
            AudioError::malformed(&self.path, "samples that FLAC can hold", error.to_string())
        })?;
        let bytes = sink.as_slice().len() as u32;
        self.frame_bytes = (self.frame_bytes.0.min(bytes), self.frame_bytes.1.max(bytes));
        self.frames += 1;
        self.pending.clear();
        self.write_bytes(sink.as_slice())
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), AudioError> {
        self.out.write_all(bytes).map_err(|error| AudioError::write(&self.path, error))
    }

    /// Builds the signature and STREAMINFO from what was written so far.
    fn header(&self) -> Vec<u8> {
        let (smallest, largest) = if self.frames == 0 { (0, 0) } else { self.frame_bytes };
        let bits = self.format.bytes() as u64 * 8;
        let word = (u64::from(self.sample_rate_hz) << 44)
            | ((self.channels as u64 - 1) << 41)
            | ((bits - 1) << 36)
            | (self.report.samples & 0xf_ffff_ffff);
        let mut header = b"fLaC\x80\0\0\x22".to_vec();
        header.extend_from_slice(&(BLOCK_SAMPLES as u16).to_be_bytes());
        header.extend_from_slice(&(BLOCK_SAMPLES as u16).to_be_bytes());
        header.extend_from_slice(&smallest.to_be_bytes()[1..]);
        header.extend_from_slice(&largest.to_be_bytes()[1..]);
        header.extend_from_slice(&word.to_be_bytes());
        let digest = if self.frames == 0 { [0; 16] } else { self.context.md5_digest() };
        header.extend_from_slice(&digest);
        header
    }
}
