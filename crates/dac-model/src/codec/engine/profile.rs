//! Measurement of the engine's layers on one signal.

use std::time::{Duration, Instant};

use dac_kernels::{Pipeline, PipelineStream};
use dac_nn::pipeline::layer_name;
use dac_nn::{Layer, NetworkShape};
use dac_rvq::cpu::QuantizedRows;

use super::{EngineNetwork, PUSH_FRAMES};
use crate::codec::checks::{DECODED, ENCODED, check_finite};
use crate::codec::error::CodecError;

/// A half of the codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Audio to codes.
    Encoder,
    /// Codes to audio.
    Decoder,
}

/// Time and work of a layer for one signal.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerTime {
    /// Half of the codec that contains the layer.
    pub part: Part,
    /// Canonical name. Fused layers are joined by ` + `; all codebooks together are `quantizer`.
    pub layer: String,
    /// Algorithm of the convolution: `F(6,7)`, `direct`, …
    pub method: String,
    /// Wall time.
    pub time: Duration,
    /// Multiply-adds of the algorithm without its transforms; 0 without products.
    pub needed_macs: f64,
}

impl EngineNetwork {
    /// Encodes and decodes `signal` (whole hops) and returns the time of each layer.
    pub(in crate::codec) fn profile(
        &self,
        shape: &NetworkShape,
        signal: &[f32],
    ) -> Result<Vec<LayerTime>, CodecError> {
        let (encoded, stream) = run(&self.encoder.pipeline, signal, PUSH_FRAMES * self.hop_samples);
        check_finite(ENCODED, &encoded)?;
        let mut times =
            layer_times(Part::Encoder, &shape.encoder(), &self.encoder.pipeline, signal.len(), &stream);

        let frames = encoded.len() / self.latent.max(1);
        let projection = (shape.latent_dim * shape.codebook_dim) as f64;
        let search = (shape.codebook_size * shape.codebook_dim) as f64;
        let quantizer = |part, time, macs: f64| LayerTime {
            part,
            layer: "quantizer".to_owned(),
            method: "direct".to_owned(),
            time,
            needed_macs: (frames * shape.codebooks) as f64 * macs,
        };
        let mut rows = QuantizedRows::default();
        let time = timed(|| self.quantizer.encode(&encoded, shape.codebooks, &mut rows));
        times.push(quantizer(Part::Encoder, time, 2.0 * projection + search));
        let mut z = Vec::new();
        let time = timed(|| self.quantizer.decode(&rows.codes, shape.codebooks, &mut z));
        times.push(quantizer(Part::Decoder, time, projection));

        let (audio, stream) = run(&self.decoder.pipeline, &z, PUSH_FRAMES * self.latent);
        check_finite(DECODED, &audio)?;
        times.extend(layer_times(Part::Decoder, &shape.decoder(), &self.decoder.pipeline, frames, &stream));
        Ok(times)
    }
}

/// Runs a pipeline on a whole signal in pieces of `piece` values.
fn run(pipeline: &Pipeline, signal: &[f32], piece: usize) -> (Vec<f32>, PipelineStream) {
    let (mut stream, mut out) = (pipeline.stream(), Vec::new());
    signal.chunks(piece.max(1)).for_each(|values| stream.push(values, &mut out));
    stream.finish(&mut out);
    (out, stream)
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// Returns the times that `stream` measured for a signal of `rows` rows.
fn layer_times(
    part: Part,
    layers: &[Layer],
    pipeline: &Pipeline,
    rows: usize,
    stream: &PipelineStream,
) -> Vec<LayerTime> {
    let infos = pipeline.layers(rows).into_iter().zip(stream.layer_times());
    let times = infos.map(|(info, &time)| LayerTime {
        part,
        layer: layer_name(layers, &info),
        method: info.method,
        time,
        needed_macs: info.needed_macs,
    });
    times.collect()
}
