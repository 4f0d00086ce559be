//! Groups of streams that are computed together.

use std::sync::Mutex;

use dac::Codes;
use dac::audio::{NonFinitePolicy, Planar};
use dac::codec::{CodecError, CodesError};
use dac::stream::{self, StepResults, StreamId};
use numpy::{PyArray1, PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;

use crate::arrays::{codes_to_python, values};
use crate::codec::Codec;
use crate::failure::{Failure, Kind};
use crate::source::channels;
use crate::stream::step;
use crate::tasks::lock;

/// Results of a step: the array of a stream, or the exception.
type StepOut<'py> = Vec<(u64, Bound<'py, PyAny>)>;

/// Changes a group, which another thread may be computing, without the GIL.
fn change<G: Send, R: Send>(
    py: Python<'_>,
    group: &Mutex<G>,
    work: impl FnOnce(&mut G) -> Result<R, CodecError> + Send,
) -> PyResult<R> {
    Ok(py.detach(|| work(&mut lock(group))).map_err(Failure::from)?)
}

/// Converts the results of a step.
fn results<'py, T>(
    py: Python<'py>,
    results: StepResults<T>,
    convert: impl Fn(T) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<StepOut<'py>> {
    let convert = |(id, result): (StreamId, Result<T, CodecError>)| {
        let value = match result {
            Ok(value) => convert(value)?,
            Err(error) => {
                Failure::from(error).into_exception(py, None).into_value(py).into_bound(py).into_any()
            }
        };
        Ok((id.number(), value))
    };
    results.into_iter().map(convert).collect()
}

/// Decoders of one channel each.
#[pyclass(frozen, module = "dac_rs._native")]
pub(crate) struct DecoderGroup {
    group: Mutex<stream::DecoderGroup>,
    threads: usize,
}

#[pymethods]
impl DecoderGroup {
    #[new]
    fn new(codec: &Codec) -> Self {
        Self { group: Mutex::new(codec.0.dac.decoder_group()), threads: codec.0.threads }
    }

    /// Number of streams.
    fn streams(&self, py: Python<'_>) -> PyResult<usize> {
        change(py, &self.group, |group| Ok(group.len()))
    }

    /// Adds a stream and returns its number.
    fn join(&self, py: Python<'_>) -> PyResult<u64> {
        change(py, &self.group, |group| Ok(group.join().number()))
    }

    /// Removes a stream.
    fn leave(&self, py: Python<'_>, stream: u64) -> PyResult<()> {
        change(py, &self.group, |group| group.leave(StreamId::from_number(stream)))
    }

    /// Adds codes `[1, codebooks, frames]` to the next step.
    fn push(&self, py: Python<'_>, stream: u64, codes: PyReadonlyArray3<'_, u16>) -> PyResult<()> {
        let (data, shape) = values(&codes)?;
        let invalid = |error: CodesError| Failure::new(Kind::Tokens, error.to_string());
        let codes = Codes::new(data, shape).map_err(invalid)?;
        let (rows, codebooks) = (codes.to_rows(0), codes.codebooks());
        change(py, &self.group, |group| group.push_codes(StreamId::from_number(stream), &rows, codebooks))
    }

    /// Ends a stream's signal with the next step.
    fn end(&self, py: Python<'_>, stream: u64) -> PyResult<()> {
        change(py, &self.group, |group| group.end(StreamId::from_number(stream)))
    }

    /// Discards a stream's signal.
    fn reset(&self, py: Python<'_>, stream: u64) -> PyResult<()> {
        change(py, &self.group, |group| group.reset(StreamId::from_number(stream)))
    }

    /// Computes what was pushed and returns the samples that are complete, `[samples]` for each stream.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<StepOut<'py>> {
        let stepped = step(py, self.threads, &self.group, |group| Ok(group.step()))?;
        results(py, stepped, |samples| Ok(PyArray1::from_vec(py, samples).into_any()))
    }
}

/// Encoders of one channel each, at the model's rate.
#[pyclass(frozen, module = "dac_rs._native")]
pub(crate) struct EncoderGroup {
    group: Mutex<stream::EncoderGroup>,
    codebooks: usize,
    threads: usize,
}

#[pymethods]
impl EncoderGroup {
    #[new]
    fn new(codec: &Codec, n_codebooks: Option<usize>) -> PyResult<Self> {
        let dac = &codec.0.dac;
        let group = dac.encoder_group(n_codebooks).map_err(Failure::from)?;
        let codebooks = n_codebooks.unwrap_or(dac.shape().codebooks);
        Ok(Self { group: Mutex::new(group), codebooks, threads: codec.0.threads })
    }

    /// Number of streams.
    fn streams(&self, py: Python<'_>) -> PyResult<usize> {
        change(py, &self.group, |group| Ok(group.len()))
    }

    /// Adds a stream and returns its number.
    fn join(&self, py: Python<'_>) -> PyResult<u64> {
        change(py, &self.group, |group| Ok(group.join()?.number()))
    }

    /// Removes a stream.
    fn leave(&self, py: Python<'_>, stream: u64) -> PyResult<()> {
        change(py, &self.group, |group| group.leave(StreamId::from_number(stream)))
    }

    /// Adds samples `[1, samples]` to the next step.
    fn push(&self, py: Python<'_>, stream: u64, samples: PyReadonlyArray2<'_, f32>) -> PyResult<()> {
        let mut block: Planar = channels(&samples)?.iter().map(|samples| samples.to_vec()).collect();
        NonFinitePolicy::Error.apply(&mut block, "the samples", 0).map_err(Failure::from)?;
        let samples = block.first().map_or(&[][..], Vec::as_slice);
        change(py, &self.group, |group| group.push(StreamId::from_number(stream), samples))
    }

    /// Ends a stream's signal with the next step.
    fn end(&self, py: Python<'_>, stream: u64) -> PyResult<()> {
        change(py, &self.group, |group| group.end(StreamId::from_number(stream)))
    }

    /// Discards a stream's signal.
    fn reset(&self, py: Python<'_>, stream: u64) -> PyResult<()> {
        change(py, &self.group, |group| group.reset(StreamId::from_number(stream)))
    }

    /// Computes what was pushed and returns the codes that are complete, `[1, codebooks, frames]` for each
    /// stream.
    fn step<'py>(&self, py: Python<'py>) -> PyResult<StepOut<'py>> {
        let stepped = step(py, self.threads, &self.group, |group| Ok(group.step()))?;
        results(py, stepped, |rows| {
            let codes = Codes::from_rows(&rows.codes, self.codebooks);
            let codes = codes.map_err(|error| Failure::new(Kind::Other, error.to_string()))?;
            Ok(codes_to_python(py, codes)?.into_any())
        })
    }
}
