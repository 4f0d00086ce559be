//! The codec on the CPU engine.

mod named_pipeline;
mod profile;
mod stream;

use std::sync::Arc;

use dac_kernels::{Isa, KernelError, PackedSection, Pipeline, PipelineOptions, Schedule, Threads};
use dac_nn::pipeline::{self, PipelineError};
use dac_nn::{Layer, NetworkShape, Padding, Weights};
use dac_rvq::cpu::{QuantizedRows, ResidualQuantizer};
use dac_rvq::{Array3, Codes, QuantizerWeights};

use super::encoded::Encoded;
use super::error::CodecError;
use super::options::CodecOptions;
use super::prepared::PreparedWeights;
use named_pipeline::NamedPipeline;
pub use profile::{LayerTime, Part};
pub use stream::{DecoderPush, EncoderPush, EngineDecoder, EngineEncoder, Frames};

/// Frames that whole-signal calls push at a time, so that transposed copies of the input stay small.
const PUSH_FRAMES: usize = 512;

/// Frames of a typical push in low-latency mode, for which the engine chooses its algorithms.
pub(super) const BLOCK_FRAMES: usize = 8;

/// Encoder, quantizer and decoder, packed once and shared by all streams.
pub(super) struct EngineNetwork {
    encoder: NamedPipeline,
    decoder: NamedPipeline,
    quantizer: Arc<ResidualQuantizer>,
    hop_samples: usize,
    latent: usize,
    pub(super) isa: Isa,
}

impl EngineNetwork {
    pub(super) fn load(
        shape: &NetworkShape,
        quantizer: Vec<QuantizerWeights>,
        weights: &mut dyn Weights,
        options: &CodecOptions,
    ) -> Result<Self, CodecError> {
        Self::build(shape, quantizer, options, |_, layers, options| {
            Ok(pipeline::build(layers, weights, options)?)
        })
    }

    pub(super) fn load_prepared(
        shape: &NetworkShape,
        quantizer: Vec<QuantizerWeights>,
        prepared: &PreparedWeights,
        options: &CodecOptions,
    ) -> Result<Self, CodecError> {
        Self::build(shape, quantizer, options, |part, layers, options| {
            Ok(pipeline::build_prepared(layers, prepared.sections(part)?, options)?)
        })
    }

    fn build(
        shape: &NetworkShape,
        quantizer: Vec<QuantizerWeights>,
        options: &CodecOptions,
        mut pipeline: impl FnMut(Part, &[Layer], PipelineOptions) -> Result<Pipeline, CodecError>,
    ) -> Result<Self, CodecError> {
        let isa = options.isa()?;
        let precision = options.precision;
        precision.check(isa).map_err(|error| match error {
            KernelError::PrecisionUnavailable { why, .. } => {
                CodecError::Precision { device: options.device, precision, why: why.to_owned() }
            }
            other => PipelineError::from(other).into(),
        })?;
        // Encoder and decoder share one pool, because each thread has its own buffers.
        let threads = match options.threads {
            Some(count) => Threads::shared(count).map_err(PipelineError::from)?,
            None => Threads::Current,
        };
        let decoder_options = PipelineOptions {
            isa,
            precision,
            schedule: if options.low_latency { Schedule::LowLatency } else { Schedule::Throughput },
            threads,
            timings: options.timings,
            block_rows: BLOCK_FRAMES,
        };
        let quantizer = ResidualQuantizer::new(isa, quantizer).map_err(PipelineError::from)?;
        let encoder_options =
            PipelineOptions { block_rows: BLOCK_FRAMES * shape.hop_samples(), ..decoder_options.clone() };
        let mut named = |part, layers: &[Layer], options| {
            Ok::<_, CodecError>(NamedPipeline::new(layers, pipeline(part, layers, options)?))
        };
        Ok(Self {
            encoder: named(Part::Encoder, &shape.encoder(), encoder_options)?,
            decoder: named(Part::Decoder, &shape.decoder(), decoder_options)?,
            quantizer: Arc::new(quantizer),
            hop_samples: shape.hop_samples(),
            latent: shape.latent_dim,
            isa,
        })
    }

    pub(super) fn encoder(&self, codebooks: usize) -> EngineEncoder {
        EngineEncoder::new(&self.encoder, Arc::clone(&self.quantizer), codebooks)
    }

    pub(super) fn decoder(&self, padding: Padding) -> EngineDecoder {
        EngineDecoder::new(&self.decoder, padding, Arc::clone(&self.quantizer))
    }

    fn pipeline(&self, part: Part) -> &Pipeline {
        match part {
            Part::Encoder => &self.encoder.pipeline,
            Part::Decoder => &self.decoder.pipeline,
        }
    }

    /// Bytes of the packed weights of the encoder or the decoder.
    pub(super) fn weight_bytes(&self, part: Part) -> usize {
        self.pipeline(part).weight_bytes()
    }

    /// Packed weights of the encoder or the decoder.
    pub(super) fn packed(&self, part: Part) -> &[PackedSection] {
        self.pipeline(part).packed()
    }

    /// Encodes a batch of items of `samples` samples (whole hops) each.
    pub(super) fn encode(
        &self,
        signal: &[f32],
        samples: usize,
        codebooks: usize,
    ) -> Result<Encoded, CodecError> {
        let (mut z, mut codes, mut latents) = (vec![], vec![], vec![]);
        for item in signal.chunks_exact(samples) {
            let mut stream = self.encoder(codebooks);
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
        self.decode_items(z.shape()[0], Padding::Zeros, |stream, item, audio| {
            let rows = z.to_rows(item);
            rows.chunks(PUSH_FRAMES * self.latent).try_for_each(|part| stream.push_z(part, audio))
        })
    }

    pub(super) fn decode_codes(&self, codes: &Codes, padding: Padding) -> Result<Array3, CodecError> {
        let codebooks = codes.codebooks();
        self.decode_items(codes.channels(), padding, |stream, item, audio| {
            let rows = codes.to_rows(item);
            let mut parts = rows.chunks(PUSH_FRAMES * codebooks);
            parts.try_for_each(|part| stream.push_codes(part, codebooks, audio))
        })
    }

    /// Decodes each item with a new stream; `push` pushes the whole item.
    fn decode_items(
        &self,
        items: usize,
        padding: Padding,
        push: impl Fn(&mut EngineDecoder, usize, &mut Vec<f32>) -> Result<(), CodecError>,
    ) -> Result<Array3, CodecError> {
        let items = (0..items).map(|item| {
            let (mut stream, mut audio) = (self.decoder(padding), Vec::new());
            push(&mut stream, item, &mut audio)?;
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

/// Returns the number of frames that is a multiple of every layer's tile, given the strides of the decoder's
/// blocks.
///
/// Winograd convolutions compute tiles counted from the start of the signal. A tile has 3, 5 or 6 rows, near
/// the decoder's end 8, spaced by the dilation of up to 9.
pub(super) fn decode_grid_frames(decoder_rates: &[usize]) -> usize {
    let rows_per_frame = decoder_rates.iter().scan(1, |rows, &stride| {
        *rows *= stride;
        Some(*rows)
    });
    let least_common_multiple = |a: usize, b: usize| a / gcd(a, b) * b;
    // 270 frames are whole tiles of 3, 5 and 6 rows; 72 rows are whole tiles of 8.
    rows_per_frame.map(|rows| 72 / gcd(72, rows)).fold(270, least_common_multiple)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
