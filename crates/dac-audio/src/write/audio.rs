//! Atomic writer of audio files of any format.

use std::path::Path;

use dac_atomic::{AtomicFile, FinishedFile};

use super::file;
use super::flac::FlacWriter;
use super::format::{AudioFormat, WriteFormat};
use super::stream::WriteReport;
use super::wav::WavWriter;
use crate::AudioError;

/// Writes a WAV or FLAC file block by block. [`finish`](Self::finish) renames the complete file onto its
/// path; dropping the writer leaves no file.
#[derive(Debug)]
pub enum AudioWriter {
    /// A WAV file.
    Wav(WavWriter),
    /// A FLAC file.
    Flac(Box<FlacWriter>),
}

impl AudioWriter {
    /// Creates a file. Its directory must exist. An existing file is unchanged until `finish`, a symbolic
    /// link is followed; a device is written directly.
    ///
    /// # Errors
    /// As [`WavWriter::create`] or [`FlacWriter::create`].
    pub fn create(
        path: impl AsRef<Path>,
        sample_rate_hz: u32,
        channels: usize,
        format: impl Into<WriteFormat>,
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
        format: impl Into<WriteFormat>,
    ) -> Result<Self, AudioError> {
        let WriteFormat { file: format, samples } = format.into();
        Ok(match format {
            AudioFormat::Wav => Self::Wav(WavWriter::new(file, path, sample_rate_hz, channels, samples)?),
            AudioFormat::Flac => {
                Self::Flac(Box::new(FlacWriter::new(file, path, sample_rate_hz, channels, samples)?))
            }
        })
    }

    /// Announces `samples` samples per channel, see [`WavWriter::reserve`].
    ///
    /// # Errors
    /// As [`WavWriter::reserve`]; never for FLAC.
    pub fn reserve(&mut self, samples: u64) -> Result<(), AudioError> {
        match self {
            Self::Wav(writer) => writer.reserve(samples),
            Self::Flac(_) => Ok(()),
        }
    }

    /// Appends a block `[channels][samples]`.
    ///
    /// # Errors
    /// As [`WavWriter::write`].
    pub fn write<S: AsRef<[f32]>>(&mut self, block: &[S]) -> Result<(), AudioError> {
        match self {
            Self::Wav(writer) => writer.write(block),
            Self::Flac(writer) => writer.write(block),
        }
    }

    /// Completes the header, syncs the file and renames it onto its path.
    ///
    /// # Errors
    /// [`AudioError::Write`]; an existing file is unchanged then.
    pub fn finish(self) -> Result<WriteReport, AudioError> {
        match self {
            Self::Wav(writer) => writer.finish(),
            Self::Flac(writer) => writer.finish(),
        }
    }

    /// Completes the header and syncs the file, which keeps its temporary name.
    ///
    /// # Errors
    /// [`AudioError::Write`].
    pub fn finish_unnamed(self) -> Result<(FinishedFile, WriteReport), AudioError> {
        match self {
            Self::Wav(writer) => writer.finish_unnamed(),
            Self::Flac(writer) => writer.finish_unnamed(),
        }
    }
}
