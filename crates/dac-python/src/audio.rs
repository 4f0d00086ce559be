//! Audio files, resampling and loudness.

use std::path::PathBuf;

use dac::audio::{
    AudioFormat, AudioReader, AudioWriter, LoudnessMeter, Planar, ReadBackend, ReadOptions, Resampler,
    WriteFormat,
};
use dac_batch::CancelToken;
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;

use crate::arrays::{Floats2, samples_to_python};
use crate::failure::{Failure, Kind};
use crate::names::parse;
use crate::source::{Input, Source, channels, open};
use crate::tasks::run_one;

/// Samples per channel that are read at a time.
const BLOCK_SAMPLES: usize = 1 << 14;

/// Reads a whole audio file to samples `[channels, samples]` and their rate.
#[pyfunction]
pub(crate) fn read_audio<'py>(py: Python<'py>, source: Source<'py>) -> PyResult<(Floats2<'py>, u32)> {
    let input = source.input()?;
    let (samples, rate_hz) = run_one(py, 1, |cancel| {
        let options = ReadOptions { backend: ReadBackend::Auto, ..ReadOptions::default() };
        match &input {
            Input::Bytes { bytes, name } => read_all(open(name.as_ref(), Some(bytes), options)?, cancel),
            Input::Path(path) => read_all(open(path, None, options)?, cancel),
            Input::Samples { channels, rate_hz } => {
                Ok((channels.iter().map(|samples| samples.to_vec()).collect(), *rate_hz))
            }
        }
    })?;
    Ok((samples_to_python(py, samples)?, rate_hz))
}

fn read_all(mut reader: AudioReader, cancel: &CancelToken) -> Result<(Planar, u32), Failure> {
    let mut channels = vec![Vec::new(); reader.spec().channels];
    while let Some(block) = reader.next_block(BLOCK_SAMPLES)? {
        for (channel, samples) in channels.iter_mut().zip(block) {
            channel.extend(samples);
        }
        if cancel.is_cancelled() {
            return Err(Failure::new(Kind::Cancelled, "cancelled"));
        }
    }
    Ok((channels, reader.spec().sample_rate_hz))
}

/// Writes samples `[channels, samples]` to a WAV file, or to a FLAC file if the path ends in `.flac`.
#[pyfunction]
pub(crate) fn write_audio(
    py: Python<'_>,
    path: PathBuf,
    samples: PyReadonlyArray2<'_, f32>,
    rate_hz: u32,
    format: &str,
) -> PyResult<()> {
    let (channels, samples) = (channels(&samples)?, parse(format)?);
    let is_flac = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("flac"));
    let file = if is_flac { AudioFormat::Flac } else { AudioFormat::Wav };
    run_one(py, 1, |_| {
        let mut writer = AudioWriter::create(&path, rate_hz, channels.len(), WriteFormat { file, samples })?;
        writer.write(&channels)?;
        writer.finish()?;
        Ok(())
    })
}

/// Resamples samples `[channels, samples]`.
#[pyfunction]
pub(crate) fn resample<'py>(
    py: Python<'py>,
    samples: PyReadonlyArray2<'py, f32>,
    from_hz: u32,
    to_hz: u32,
) -> PyResult<Floats2<'py>> {
    let channels = channels(&samples)?;
    let resampled = run_one(py, 1, |_| {
        let mut resampler = Resampler::new(from_hz, to_hz, channels.len())?;
        let mut resampled = resampler.push(&channels)?;
        resampler.flush_into(&mut resampled)?;
        Ok(resampled)
    })?;
    samples_to_python(py, resampled)
}

/// Integrated loudness of samples `[channels, samples]` in dB (LUFS), and their largest absolute value.
#[pyfunction]
pub(crate) fn loudness(
    py: Python<'_>,
    samples: PyReadonlyArray2<'_, f32>,
    rate_hz: u32,
) -> PyResult<(f64, f32)> {
    let channels = channels(&samples)?;
    run_one(py, 1, |_| {
        let mut meter = LoudnessMeter::new(rate_hz, channels.len())?;
        meter.push(&channels)?;
        Ok((meter.integrated_db(), meter.peak()))
    })
}

/// Address of the first sample that an encode of this source reads; for tests.
#[pyfunction]
pub(crate) fn samples_address(source: Source<'_>) -> PyResult<Option<usize>> {
    Ok(match source.input()? {
        Input::Samples { channels, .. } => channels.first().map(|samples| samples.as_ptr() as usize),
        Input::Bytes { .. } | Input::Path(_) => None,
    })
}
