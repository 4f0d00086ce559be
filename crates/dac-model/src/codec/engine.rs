//! The codec on the CPU engine: packed pipelines and streams over them.

mod profile;

use std::sync::Arc;

use dac_kernels::{Isa, KernelError, Pipeline, PipelineOptions, PipelineStream, Schedule, Threads};
use dac_nn::engine::{EngineError, build};
use dac_nn::{NetworkShape, Weights};
use dac_rvq::plain::{QuantizedRows, ResidualQuantizer};
use dac_rvq::{Array3, Codes};

use super::{CodecError, CodecOptions, Encoded, check_finite, quantizer_weights};

/// Samples given to the encoder, and frames to the decoder, at a time by the whole-signal calls: the pipeline blocks
/// further by itself, and transposed copies of the input stay small.
const PUSH_FRAMES: usize = 512;

/// Samples that a layer of the encoder may hold back for the sake of larger tiles when frames are to come at once.
const ENCODER_HOLD_SAMPLES: f32 = 64.0;

/// Encoder, quantizer and decoder, packed once and shared by all streams.
pub(super) struct EngineNetwork {
    encoder: Pipeline,
    decoder: Pipeline,
    quantizer: Arc<ResidualQuantizer>,
    hop_samples: usize,
    latent: usize,
    level: Isa,
}

impl EngineNetwork {
    pub(super) fn load(
        shape: &NetworkShape,
        weights: &mut dyn Weights,
        options: &CodecOptions,
    ) -> Result<Self, CodecError> {
        let level = match options.cpu_level {
            Some(level) => level,
            None => Isa::from_env().map_err(EngineError::from)?,
        };
        let missing =
            |why| CodecError::Precision { device: options.device, precision: options.precision, why };
        let precision = match options.precision.on_engine() {
            Some(precision) => precision,
            None => return Err(missing("the engine computes in f32 or bf16".to_owned())),
        };
        precision.check(level).map_err(|error| match error {
            KernelError::PrecisionUnavailable { why, .. } => missing(why.to_owned()),
            other => EngineError::from(other).into(),
        })?;
        // One pool for both directions: each thread keeps memory of its own.
        let threads = match options.threads {
            Some(count) => Threads::shared(count).map_err(EngineError::from)?,
            None => Threads::Current,
        };
        let pipeline = PipelineOptions {
            isa: level,
            precision,
            schedule: if options.low_latency { Schedule::LowLatency } else { Schedule::Throughput },
            threads,
            timings: options.timings,
            ..PipelineOptions::default()
        };
        let quantizer =
            ResidualQuantizer::new(level, quantizer_weights(shape, weights)?).map_err(EngineError::from)?;
        Ok(Self {
            encoder: build(
                &shape.encoder(),
                weights,
                PipelineOptions { max_lookahead_rows: ENCODER_HOLD_SAMPLES, ..pipeline.clone() },
            )?,
            decoder: build(&shape.decoder(), weights, pipeline)?,
            quantizer: Arc::new(quantizer),
            hop_samples: shape.hop_samples(),
            latent: shape.latent_dim,
            level,
        })
    }

    pub(super) fn level(&self) -> Isa {
        self.level
    }

    pub(super) fn encoder_stream(&self, codebooks: usize) -> EncoderStream {
        EncoderStream {
            stream: self.encoder.stream(),
            quantizer: Arc::clone(&self.quantizer),
            codebooks,
            rows: Vec::new(),
        }
    }

    pub(super) fn decoder_stream(&self) -> DecoderStream {
        DecoderStream {
            stream: self.decoder.stream(),
            quantizer: Arc::clone(&self.quantizer),
            rows: Vec::new(),
        }
    }

    pub(super) fn unpadded_decoder_stream(&self) -> DecoderStream {
        DecoderStream { stream: self.decoder.unpadded_stream(), ..self.decoder_stream() }
    }

    /// `signal` holds items of `samples` samples, whole hops each.
    pub(super) fn encode(
        &self,
        signal: &[f32],
        samples: usize,
        codebooks: usize,
    ) -> Result<Encoded, CodecError> {
        let (mut z, mut codes, mut latents) = (vec![], vec![], vec![]);
        for item in signal.chunks_exact(samples) {
            let mut stream = self.encoder_stream(codebooks);
            let mut rows = QuantizedRows::default();
            for part in item.chunks(PUSH_FRAMES * self.hop_samples) {
                stream.push(part, &mut rows)?;
            }
            stream.finish(&mut rows)?;
            let frames = rows.codes.len() / codebooks;
            z.push(Array3::from_rows(&rows.z, self.latent)?);
            codes.push(Codes::from_rows(&rows.codes, codebooks)?);
            latents.push(Array3::from_rows(&rows.latents, rows.latents.len() / frames.max(1))?);
        }
        Ok(Encoded {
            z: Array3::stack(&z)?,
            codes: Codes::stack_channels(&codes)?,
            latents: Array3::stack(&latents)?,
        })
    }

    pub(super) fn decode(&self, z: &Array3) -> Result<Array3, CodecError> {
        let items = (0..z.shape()[0]).map(|item| {
            let rows = z.to_rows(item);
            let mut stream = self.decoder_stream();
            let mut audio = Vec::new();
            for part in rows.chunks(PUSH_FRAMES * self.latent) {
                stream.push_z(part, &mut audio)?;
            }
            stream.finish(&mut audio)?;
            Ok(Array3::mono(audio))
        });
        Ok(Array3::stack(&items.collect::<Result<Vec<_>, CodecError>>()?)?)
    }

    pub(super) fn decode_codes(&self, codes: &Codes, padding: bool) -> Result<Array3, CodecError> {
        let codebooks = codes.codebooks();
        let items = (0..codes.channels()).map(|item| {
            let rows = codes.to_rows(item);
            let mut stream = if padding { self.decoder_stream() } else { self.unpadded_decoder_stream() };
            let mut audio = Vec::new();
            for part in rows.chunks(PUSH_FRAMES * codebooks) {
                stream.push_codes(part, codebooks, &mut audio)?;
            }
            stream.finish(&mut audio)?;
            Ok(Array3::mono(audio))
        });
        Ok(Array3::stack(&items.collect::<Result<Vec<_>, CodecError>>()?)?)
    }

    pub(super) fn codes_to_z(&self, codes: &Codes) -> Result<Array3, CodecError> {
        let items = (0..codes.channels()).map(|item| {
            let mut rows = Vec::new();
            self.quantizer.decode(&codes.to_rows(item), codes.codebooks(), &mut rows);
            Array3::from_rows(&rows, self.latent)
        });
        Ok(Array3::stack(&items.collect::<Result<Vec<_>, _>>()?)?)
    }

    pub(super) fn latents_to_codes(&self, latents: &Array3, codebooks: usize) -> Result<Codes, CodecError> {
        let items = (0..latents.shape()[0]).map(|item| {
            Codes::from_rows(&self.quantizer.search(&latents.to_rows(item), codebooks), codebooks)
        });
        Ok(Codes::stack_channels(&items.collect::<Result<Vec<_>, _>>()?)?)
    }
}

/// A stateful encoder of one signal: samples in, quantized frames out as soon as the engine has them.
pub struct EncoderStream {
    stream: PipelineStream,
    quantizer: Arc<ResidualQuantizer>,
    codebooks: usize,
    rows: Vec<f32>,
}

impl EncoderStream {
    /// Takes samples at the model's rate, appends the frames that are complete.
    ///
    /// # Errors
    /// When the network's output is not finite.
    pub fn push(&mut self, samples: &[f32], out: &mut QuantizedRows) -> Result<(), CodecError> {
        self.stream.push(samples, &mut self.rows);
        self.quantize(out)
    }

    /// Ends the signal, whose samples were whole hops in all, and appends the rest; the stream is then as new.
    ///
    /// # Errors
    /// As [`EncoderStream::push`].
    pub fn finish(&mut self, out: &mut QuantizedRows) -> Result<(), CodecError> {
        self.stream.finish(&mut self.rows);
        self.quantize(out)
    }

    /// Forgets the signal so far.
    pub fn reset(&mut self) {
        self.stream.reset();
        self.rows.clear();
    }

    fn quantize(&mut self, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let finite = check_finite("the encoder's output", &self.rows);
        if finite.is_ok() {
            self.quantizer.encode(&self.rows, self.codebooks, out);
        }
        self.rows.clear();
        finite
    }
}

/// A stateful decoder of one signal: frames in, samples out as soon as the engine has them.
pub struct DecoderStream {
    stream: PipelineStream,
    quantizer: Arc<ResidualQuantizer>,
    rows: Vec<f32>,
}

impl DecoderStream {
    /// Takes codes `[frames][codebooks]` and appends the samples that are complete.
    ///
    /// # Errors
    /// When a code is out of range, no frame is whole, the model has not so many codebooks, or the network's output is not finite.
    pub fn push_codes(
        &mut self,
        codes: &[u16],
        codebooks: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), CodecError> {
        let available = self.quantizer.codebooks();
        if !(1..=available).contains(&codebooks) {
            return Err(CodecError::Codebooks { asked: codebooks, available });
        }
        Codes::from_rows(codes, codebooks)?.check_range(self.quantizer.codebook_size())?;
        self.rows.clear();
        self.quantizer.decode(codes, codebooks, &mut self.rows);
        let start = out.len();
        self.stream.push(&self.rows, out);
        check_finite("the decoder's output", &out[start..])
    }

    /// Takes latents `[frames][latent]` and appends the samples that are complete.
    ///
    /// # Errors
    /// When no frame is whole, or the network's output is not finite.
    pub fn push_z(&mut self, z: &[f32], out: &mut Vec<f32>) -> Result<(), CodecError> {
        let latent = self.quantizer.latent();
        if !z.len().is_multiple_of(latent.max(1)) {
            let expected = format!("a whole number of frames of {latent} values");
            return Err(CodecError::Input { what: "z", found: [1, 1, z.len()], expected });
        }
        let start = out.len();
        self.stream.push(z, out);
        check_finite("the decoder's output", &out[start..])
    }

    /// Ends the signal and appends the rest; the stream is then as new.
    ///
    /// # Errors
    /// As [`DecoderStream::push_codes`].
    pub fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let start = out.len();
        self.stream.finish(out);
        check_finite("the decoder's output", &out[start..])
    }

    /// Forgets the signal so far.
    pub fn reset(&mut self) {
        self.stream.reset();
    }
}
