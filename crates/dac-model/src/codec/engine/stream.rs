//! Stateful encoders and decoders of one signal on the CPU engine.

use std::sync::Arc;

use dac_kernels::{PipelineStream, StreamPush};
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

/// Samples for one encoder of [`EngineEncoder::push_all`].
pub struct EncoderPush<'a> {
    /// The encoder.
    pub encoder: &'a mut EngineEncoder,
    /// Samples at the model's rate.
    pub samples: &'a [f32],
    /// Ends the signal after the samples, which must then be whole hops.
    pub is_last: bool,
    /// Receives the completed frames.
    pub out: &'a mut QuantizedRows,
}

impl EngineEncoder {
    /// Pushes samples to several encoders, which are computed together, layer by layer. Each returns what it
    /// returns without the others.
    ///
    /// # Errors
    /// One result for each push, as of [`EngineEncoder::push`] or [`EngineEncoder::finish`].
    pub fn push_all(pushes: &mut [EncoderPush<'_>]) -> Vec<Result<(), CodecError>> {
        let streams = pushes.iter_mut().map(|push| StreamPush {
            stream: &mut push.encoder.network.stream,
            rows: push.samples,
            is_last: push.is_last,
            out: &mut push.encoder.rows,
        });
        PipelineStream::push_all(&mut streams.collect::<Vec<_>>());
        pushes.iter_mut().map(|push| push.encoder.quantize(push.out)).collect()
    }

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

/// Frames of one signal.
#[derive(Debug, Clone, Copy)]
pub enum Frames<'a> {
    /// Codes `[frames][codebooks]`.
    Codes {
        /// The codes.
        rows: &'a [u16],
        /// Codebooks per frame.
        codebooks: usize,
    },
    /// Quantized latents `[frames][latent]`.
    Z(&'a [f32]),
}

/// Frames for one decoder of [`EngineDecoder::push_all`].
pub struct DecoderPush<'a> {
    /// The decoder.
    pub decoder: &'a mut EngineDecoder,
    /// The frames.
    pub frames: Frames<'a>,
    /// Ends the signal after the frames.
    pub is_last: bool,
    /// Receives the completed samples.
    pub out: &'a mut Vec<f32>,
}

impl EngineDecoder {
    /// Pushes frames to several decoders, which are computed together, layer by layer. Each returns what it
    /// returns without the others.
    ///
    /// # Errors
    /// One result for each push, as of [`EngineDecoder::push_codes`], [`EngineDecoder::push_z`] or
    /// [`EngineDecoder::finish`]. Frames that are refused are not pushed.
    pub fn push_all(pushes: &mut [DecoderPush<'_>]) -> Vec<Result<(), CodecError>> {
        let mut results: Vec<_> = pushes.iter_mut().map(|push| push.decoder.load(push.frames)).collect();
        let starts: Vec<usize> = pushes.iter().map(|push| push.out.len()).collect();
        let accepted = pushes.iter_mut().zip(&results).filter(|(_, result)| result.is_ok());
        let streams = accepted.map(|(push, _)| {
            let EngineDecoder { network, rows, .. } = &mut *push.decoder;
            StreamPush { stream: &mut network.stream, rows, is_last: push.is_last, out: push.out }
        });
        PipelineStream::push_all(&mut streams.collect::<Vec<_>>());
        for ((push, start), result) in pushes.iter().zip(starts).zip(&mut results) {
            if result.is_ok() {
                *result = push.decoder.network.check(DECODED, &push.out[start..]);
            }
        }
        results
    }

    /// Converts frames to rows of the network.
    fn load(&mut self, frames: Frames<'_>) -> Result<(), CodecError> {
        self.rows.clear();
        match frames {
            Frames::Codes { rows, codebooks } => {
                let available = self.quantizer.codebooks();
                if !(1..=available).contains(&codebooks) {
                    return Err(CodesError::CodebookCount { requested: codebooks, available }.into());
                }
                Codes::from_rows(rows, codebooks)?.check_range(self.quantizer.codebook_size())?;
                self.quantizer.decode(rows, codebooks, &mut self.rows);
                check_finite(QUANTIZED, &self.rows)
            }
            Frames::Z(z) => {
                let latent = self.quantizer.latent();
                if !z.len().is_multiple_of(latent.max(1)) {
                    let expected = format!("a multiple of {latent} values");
                    return Err(CodecError::Input { what: "z", found: [1, 1, z.len()], expected });
                }
                self.rows.extend_from_slice(z);
                Ok(())
            }
        }
    }

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
        self.load(Frames::Codes { rows: codes, codebooks })?;
        let start = out.len();
        self.network.stream.push(&self.rows, out);
        self.network.check(DECODED, &out[start..])
    }

    /// Takes z `[frames][latent]` and appends the completed samples to `out`.
    ///
    /// # Errors
    /// When z is not whole frames or the network's output is not finite.
    pub fn push_z(&mut self, z: &[f32], out: &mut Vec<f32>) -> Result<(), CodecError> {
        self.load(Frames::Z(z))?;
        let start = out.len();
        self.network.stream.push(&self.rows, out);
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
