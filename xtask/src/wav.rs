//! Mono WAV files of 32-bit floats.

use std::path::Path;

use anyhow::{Context, Error, bail};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

pub fn write(path: &Path, samples: &[f32], sample_rate: u32) -> Result<(), Error> {
    let spec = WavSpec { channels: 1, sample_rate, bits_per_sample: 32, sample_format: SampleFormat::Float };
    let mut writer = WavWriter::create(path, spec).with_context(|| path.display().to_string())?;
    samples.iter().try_for_each(|sample| writer.write_sample(*sample))?;
    writer.finalize().with_context(|| path.display().to_string())
}

/// Reads one channel of floats.
pub fn read(path: &Path) -> Result<Vec<f32>, Error> {
    let reader = WavReader::open(path).with_context(|| path.display().to_string())?;
    let WavSpec { channels, sample_format, .. } = reader.spec();
    if (channels, sample_format) != (1, SampleFormat::Float) {
        bail!("{}: {channels} channels of {sample_format:?}, expected one of floats", path.display());
    }
    let samples: Result<Vec<f32>, _> = reader.into_samples().collect();
    samples.with_context(|| path.display().to_string())
}
