//! Stateful encoders and decoders of one signal on the CPU engine.

use std::sync::Arc;

use dac_nn::Padding;
use dac_rvq::cpu::{QuantizedRows, ResidualQuantizer};
use dac_rvq::{Codes, CodesError};

use super::named_pipeline::{NamedPipeline, NamedStream};
use crate::codec::checks::{DECODED, ENCODED, PROJECTED, QUANTIZED, check_finite};
use crate::codec::error::CodecError;

/// A stateful encoder of one signal: takes samples, emits quantized frames as soon as they are computed.
pub struct EngineEncoder {
    network: NamedStream,
    quantizer: Arc<ResidualQuantizer>,
    codebooks: usize,
    rows: Vec<f32>,
}

impl EngineEncoder {
    pub(super) fn new(pipeline: &NamedPipeline, quantizer: Arc<ResidualQuantizer>, codebooks: usize) -> Self {
        let network = NamedStream::new(pipeline, Padding::Zeros);
        Self { network, quantizer, codebooks, rows: Vec::new() }
    }

    /// Takes samples at the model's rate and appends the completed frames to `out`.
    ///
    /// # Errors
    /// When the network's output is not finite.
    pub fn push(&mut self, samples: &[f32], out: &mut QuantizedRows) -> Result<(), CodecError> {
        self.network.stream.push(samples, &mut self.rows);
        self.quantize(out)
    }

    /// Ends the signal, which must be whole hops, appends the remaining frames and resets the encoder.
    ///
    /// # Errors
    /// Same as [`EngineEncoder::push`].
    pub fn finish(&mut self, out: &mut QuantizedRows) -> Result<(), CodecError> {
        self.network.stream.finish(&mut self.rows);
        self.quantize(out)
    }

    /// Discards the signal so far.
    pub fn reset(&mut self) {
        self.network.stream.reset();
        self.rows.clear();
    }

    fn quantize(&mut self, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let (z, latents) = (out.z.len(), out.latents.len());
        let finite = self.network.check(ENCODED, &self.rows);
        if finite.is_ok() {
            self.quantizer.encode(&self.rows, self.codebooks, out);
        }
        self.rows.clear();
        finite?;
        // The search ignores NaNs, so z can be finite when the projections are not.
        check_finite(QUANTIZED, &out.z[z..])?;
        check_finite(PROJECTED, &out.latents[latents..])
    }
}

/// A stateful decoder of one signal: takes frames, emits samples as soon as they are computed.
pub struct EngineDecoder {
    network: NamedStream,
    quantizer: Arc<ResidualQuantizer>,
    rows: Vec<f32>,
}

impl EngineDecoder {
    pub(super) fn new(pipeline: &NamedPipeline, padding: Padding, quantizer: Arc<ResidualQuantizer>) -> Self {
        Self { network: NamedStream::new(pipeline, padding), quantizer, rows: Vec::new() }
    }

    /// Takes codes `[frames][codebooks]` and appends the completed samples to `out`.
    ///
    /// # Errors
    /// When the codes are not whole frames, the model does not have `codebooks` codebooks, a code is out of
    /// range, or the network's output is not finite.
    pub fn push_codes(
        &mut self,
        codes: &[u16],
        codebooks: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), CodecError> {
        let available = self.quantizer.codebooks();
        if !(1..=available).contains(&codebooks) {
            return Err(CodesError::CodebookCount { requested: codebooks, available }.into());
        }
        Codes::from_rows(codes, codebooks)?.check_range(self.quantizer.codebook_size())?;
        self.rows.clear();
        self.quantizer.decode(codes, codebooks, &mut self.rows);
        check_finite(QUANTIZED, &self.rows)?;
        let start = out.len();
        self.network.stream.push(&self.rows, out);
        self.network.check(DECODED, &out[start..])
    }

    /// Takes z `[frames][latent]` and appends the completed samples to `out`.
    ///
    /// # Errors
    /// When z is not whole frames or the network's output is not finite.
    pub fn push_z(&mut self, z: &[f32], out: &mut Vec<f32>) -> Result<(), CodecError> {
        let latent = self.quantizer.latent();
        if !z.len().is_multiple_of(latent.max(1)) {
            let expected = format!("a multiple of {latent} values");
            return Err(CodecError::Input { what: "z", found: [1, 1, z.len()], expected });
        }
        let start = out.len();
        self.network.stream.push(z, out);
        self.network.check(DECODED, &out[start..])
    }

    /// Ends the signal, appends the remaining samples and resets the decoder.
    ///
    /// # Errors
    /// When the network's output is not finite.
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let start = out.len();
        self.network.stream.finish(out);
        self.network.check(DECODED, &out[start..])
    }

    /// Discards the signal so far.
    pub fn reset(&mut self) {
        self.network.stream.reset();
    }
}
