//! WAV files through hound, written beside their place and renamed into it when finished.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use dac_atomic::AtomicFile;
use hound::{SampleFormat as HoundFormat, WavSpec};

use super::sample::check_block;
use super::{SampleFormat, WriteReport};
use crate::{AudioError, MAX_CHANNELS};

/// Bytes of samples that a WAV file holds: its sizes are 32-bit and count up to 72 bytes of header and a pad too.
const MAX_DATA_BYTES: u64 = u32::MAX as u64 - 73;

/// Writes one WAV file block by block. The file appears under its name only by [`finish`](Self::finish); a writer that is
/// dropped before leaves nothing.
pub struct WavWriter {
    path: PathBuf,
    format: SampleFormat,
    channels: usize,
    inner: hound::WavWriter<BufWriter<File>>,
    file: AtomicFile,
    report: WriteReport,
}

impl std::fmt::Debug for WavWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavWriter")
            .field("path", &self.path)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl WavWriter {
    /// Begins a file. Its folder must exist; an older file stays untouched until `finish`, a link is followed, a device written.
    ///
    /// # Errors
    /// [`AudioError::Write`], or [`AudioError::Malformed`] for a rate of 0, or 0 or more than [`MAX_CHANNELS`]
    /// channels.
    pub fn create(
        path: impl AsRef<Path>,
        sample_rate_hz: u32,
        channels: usize,
        format: SampleFormat,
    ) -> Result<Self, AudioError> {
        let path = path.as_ref().to_owned();
        if channels == 0 || channels > MAX_CHANNELS || sample_rate_hz == 0 {
            return Err(AudioError::malformed(
                &path,
                format!("1 to {MAX_CHANNELS} channels at a rate above 0 Hz"),
                format!("{channels} channels at {sample_rate_hz} Hz"),
            ));
        }
        let file = AtomicFile::create(&path).map_err(|error| AudioError::write(&path, error))?;
        let handle = file.handle().map_err(|error| AudioError::write(&path, error))?;
        let spec = WavSpec {
            channels: channels as u16,
            sample_rate: sample_rate_hz,
            bits_per_sample: 8 * format.bytes() as u16,
            sample_format: if format == SampleFormat::F32 { HoundFormat::Float } else { HoundFormat::Int },
        };
        let inner = hound::WavWriter::new(BufWriter::with_capacity(1 << 16, handle), spec)
            .map_err(|error| hound_error(&path, error))?;
        Ok(Self { path, format, channels, inner, file, report: WriteReport::default() })
    }

    /// Checks that `samples` samples per channel will fit, before any work is spent on them.
    ///
    /// # Errors
    /// [`AudioError::TooLong`]: a WAV file holds just under 4 GiB, 13.5 hours of 44.1 kHz mono at 16 bits.
    pub fn check_length(&self, samples: u64) -> Result<(), AudioError> {
        let frame_bytes = (self.format.bytes() * self.channels) as u64;
        let bytes = samples.saturating_mul(frame_bytes);
        if bytes > MAX_DATA_BYTES {
            let path = self.path.clone();
            return Err(AudioError::TooLong { path, bytes, max_bytes: MAX_DATA_BYTES });
        }
        Ok(())
    }

    /// Appends a block `[channels][samples]`.
    ///
    /// # Errors
    /// A block of another shape, [`AudioError::NonFinite`] with the sample's index in the file,
    /// [`AudioError::TooLong`], [`AudioError::Write`]. Nothing of a refused block is written.
    pub fn write<S: AsRef<[f32]>>(&mut self, block: &[S]) -> Result<(), AudioError> {
        let samples = check_block(block, self.channels, &self.path, self.report.samples)?;
        self.check_length(self.report.samples + samples as u64)?;
        for index in 0..samples {
            for plane in block {
                let value = plane.as_ref().get(index).copied().unwrap_or(0.0);
                let written = if self.format == SampleFormat::F32 {
                    self.inner.write_sample(value)
                } else {
                    let (value, clipped) = self.format.quantize(value);
                    self.report.clipped += u64::from(clipped);
                    self.inner.write_sample(value)
                };
                written.map_err(|error| hound_error(&self.path, error))?;
            }
        }
        self.report.samples += samples as u64;
        Ok(())
    }

    /// Completes the header, syncs and puts the file in its place.
    ///
    /// # Errors
    /// [`AudioError::Write`]; then the place is as it was before.
    pub fn finish(self) -> Result<WriteReport, AudioError> {
        let Self { path, format, channels, inner, mut file, report } = self;
        inner.finalize().map_err(|error| hound_error(&path, error))?;
        let bytes = report.samples * (format.bytes() * channels) as u64;
        if bytes % 2 == 1 {
            pad(&mut file).map_err(|error| AudioError::write(&path, error))?;
        }
        file.commit().map_err(|error| AudioError::write(&path, error))?;
        Ok(report)
    }
}

/// RIFF chunks have even sizes; hound leaves the pad byte of an odd one out.
fn pad(file: &mut AtomicFile) -> io::Result<()> {
    let end = file.seek(SeekFrom::End(0))?;
    file.write_all(&[0])?;
    file.seek(SeekFrom::Start(4))?;
    // The length fits: check_length has left room for it. A device has none.
    file.write_all(&((end + 1).saturating_sub(8) as u32).to_le_bytes())
}

fn hound_error(path: &Path, error: hound::Error) -> AudioError {
    let source = match error {
        hound::Error::IoError(source) => source,
        other => io::Error::other(other.to_string()),
    };
    AudioError::write(path, source)
}
