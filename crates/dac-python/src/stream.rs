//! Encoders and decoders of signals that arrive piece by piece.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use dac::audio::Planar;
use dac::{Codes, EncodeSession, OutputRate, PushDecodeSession};
use numpy::{PyReadonlyArray2, PyReadonlyArray3};
use pyo3::prelude::*;

use crate::arrays::{Codes3, Floats2, codes_to_python, samples_to_python, values};
use crate::codec::Codec;
use crate::failure::{Failure, Kind};
use crate::names::parse;
use crate::pools::Lease;
use crate::settings::EncodeArgs;
use crate::source::channels;
use crate::tasks::lock;
use crate::tokens::{TokensOut, meta_from_json, tokens_to_python};

/// Runs a step of a stream or a group without the GIL.
pub(crate) fn step<S: Send, R: Send>(
    py: Python<'_>,
    threads: usize,
    session: &Mutex<S>,
    work: impl FnOnce(&mut S) -> Result<R, Failure> + Send,
) -> PyResult<R> {
    let lease = Lease::take(threads, 1)?;
    let run = || {
        let work = || work(&mut lock(session));
        match lease.pools().first() {
            Some(pool) => pool.install(work),
            None => work(),
        }
    };
    let result = py.detach(|| catch_unwind(AssertUnwindSafe(run)));
    Ok(result.unwrap_or_else(|panic| Err(Failure::of_panic(panic.as_ref())))?)
}

fn ended() -> Failure {
    Failure::new(Kind::Usage, "the stream has ended; start another")
}

/// Encoder of one signal.
#[pyclass(frozen, module = "dac_rs._native")]
pub(crate) struct EncodeStream {
    session: Mutex<Option<EncodeSession>>,
    threads: usize,
}

#[pymethods]
impl EncodeStream {
    #[new]
    fn new(codec: &Codec, rate_hz: u32, channels: usize, args: EncodeArgs) -> PyResult<Self> {
        let settings = args.settings(codec.0.dac.codec().options().precision)?;
        let options = codec.encode_options(&settings)?;
        let session = EncodeSession::new(&codec.0.dac, rate_hz, channels, &options).map_err(Failure::from)?;
        Ok(Self { session: Mutex::new(Some(session)), threads: codec.0.threads })
    }

    /// Takes samples `[channels, samples]` and returns the codes that are complete.
    fn push<'py>(
        &self,
        py: Python<'py>,
        samples: PyReadonlyArray2<'py, f32>,
    ) -> PyResult<Option<Codes3<'py>>> {
        let block: Planar = channels(&samples)?.iter().map(|samples| samples.to_vec()).collect();
        let codes = step(py, self.threads, &self.session, |session| {
            let session = session.as_mut().ok_or_else(ended)?;
            session.push(block)?;
            Ok(session.take_codes()?)
        })?;
        codes.map(|codes| codes_to_python(py, codes)).transpose()
    }

    /// Ends the signal and returns the tokens that are left.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<TokensOut<'py>> {
        let tokens = step(py, self.threads, &self.session, |session| {
            Ok(session.take().ok_or_else(ended)?.finish("the stream")?)
        })?;
        tokens_to_python(py, tokens)
    }

    /// Discards the signal.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(lock(&self.session).take()));
    }
}

/// Decoder of one signal.
#[pyclass(frozen, module = "dac_rs._native")]
pub(crate) struct DecodeStream {
    session: Mutex<Option<PushDecodeSession>>,
    threads: usize,
    #[pyo3(get)]
    rate_hz: u32,
    #[pyo3(get)]
    latency_frames: usize,
}

#[pymethods]
impl DecodeStream {
    #[new]
    fn new(codec: &Codec, meta: &str, channels: usize, output_rate: &str) -> PyResult<Self> {
        let rate = match output_rate {
            "model" => OutputRate::Model,
            "input" => OutputRate::Input,
            hz => OutputRate::Hz(parse(hz)?),
        };
        let meta = meta_from_json(meta)?;
        let session = PushDecodeSession::new(&codec.0.dac, &meta, channels, rate).map_err(Failure::from)?;
        let (rate_hz, latency_frames) = (session.rate_hz(), session.latency_frames());
        Ok(Self { session: Mutex::new(Some(session)), threads: codec.0.threads, rate_hz, latency_frames })
    }

    /// Takes codes `[channels, codebooks, frames]` and returns the samples that are complete.
    fn push<'py>(&self, py: Python<'py>, codes: PyReadonlyArray3<'py, u16>) -> PyResult<Floats2<'py>> {
        let (data, shape) = values(&codes)?;
        let invalid = |error: dac::codec::CodesError| Failure::new(Kind::Tokens, error.to_string());
        let codes = Codes::new(data, shape).map_err(invalid)?;
        let samples = step(py, self.threads, &self.session, |session| {
            Ok(session.as_mut().ok_or_else(ended)?.push(&codes)?)
        })?;
        samples_to_python(py, samples)
    }

    /// Ends the signal and returns the samples that are left.
    fn finish<'py>(&self, py: Python<'py>, input_samples: Option<u64>) -> PyResult<Floats2<'py>> {
        let samples = step(py, self.threads, &self.session, |session| {
            Ok(session.take().ok_or_else(ended)?.finish(input_samples)?)
        })?;
        samples_to_python(py, samples)
    }

    /// Discards the signal.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(lock(&self.session).take()));
    }
}
