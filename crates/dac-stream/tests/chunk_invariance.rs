//! Exact streaming: codes and audio equal those of the whole signal for all chunk and push lengths.
#![allow(clippy::print_stderr, reason = "excused ties are listed")]

mod common;

use std::sync::Arc;

use dac_model::{Codec, CodecOptions, Preset, RandomWeights};
use dac_nn::{Device, NetworkShape, WeightError, Weights};
use dac_rvq::cpu::QuantizedRows;
use dac_rvq::{Array3, Codes};
use dac_stream::{ChunkPlan, StreamDecoder, StreamEncoder};

use common::{codec, devices, narrow};

/// Codes may differ where the distances of the two nearest entries differ by less than this.
const TIE_MARGIN: f32 = 1e-5;
const AUDIO_MAX_ABS: f32 = 1e-5;

/// Random weights with strong residual branches, whose layers have the widest context.
struct WideContext(RandomWeights);

impl Weights for WideContext {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightError> {
        let mut values = self.0.tensor(name, shape)?;
        if name.ends_with(".block.3.weight") {
            values.iter_mut().for_each(|v| *v *= 3.0);
        }
        Ok(values)
    }
}

struct Noise(u64);

impl Noise {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }

    fn signal(&mut self, samples: usize) -> Vec<f32> {
        let tone = 0.02 + self.below(100) as f32 / 1000.0;
        (0..samples)
            .map(|i| 0.3 * (i as f32 * tone).sin() + (self.below(2001) as f32 - 1000.0) / 5000.0)
            .collect()
    }
}

/// Difference between the distances of the two nearest entries of codebook `k` at frame `t`.
fn margin(shape: &NetworkShape, latents: &Array3, k: usize, t: usize) -> f32 {
    let (size, dim) = (shape.codebook_size, shape.codebook_dim);
    let name = format!("quantizer.quantizers.{k}.codebook.weight");
    let book = RandomWeights::new(shape.clone(), 7).tensor(&name, &[size, dim]).unwrap();
    let frames = latents.shape()[2];
    let normalise = |v: Vec<f32>| {
        let norm = v.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        v.into_iter().map(|x| x / norm).collect::<Vec<_>>()
    };
    let e = normalise((0..dim).map(|d| latents.as_slice()[(k * dim + d) * frames + t]).collect());
    let mut distances: Vec<f32> = book
        .chunks_exact(dim)
        .map(|c| normalise(c.to_vec()).iter().zip(&e).map(|(a, b)| (a - b) * (a - b)).sum())
        .collect();
    distances.sort_by(f32::total_cmp);
    distances[1] - distances[0]
}

/// Panics when codes differ in other frames than ties; returns the number of excused frames.
fn compare(shape: &NetworkShape, latents: &Array3, found: &Codes, expected: &Codes, what: &str) -> usize {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let [_, codebooks, frames] = expected.shape();
    let mut excused = 0;
    for t in 0..frames {
        let at = |k: usize| k * frames + t;
        let Some(k) = (0..codebooks).find(|&k| found.as_slice()[at(k)] != expected.as_slice()[at(k)]) else {
            continue;
        };
        let margin = margin(shape, latents, k, t);
        assert!(margin < TIE_MARGIN, "{what}: frame {t}, codebook {k} differs at a margin of {margin}");
        eprintln!("{what}: excused frame {t}, codebook {k}, margin {margin}");
        excused += 1;
    }
    excused
}

fn encode_stream(stream: &mut StreamEncoder, signal: &[f32], push: &mut dyn FnMut() -> usize) -> Codes {
    let mut rows = QuantizedRows::default();
    let mut at = 0;
    while at < signal.len() {
        let end = (at + push()).min(signal.len());
        stream.push(&signal[at..end], &mut rows).unwrap();
        at = end;
    }
    assert_eq!(stream.flush(&mut rows).unwrap(), signal.len());
    Codes::from_rows(&rows.codes, stream.codebooks()).unwrap()
}

fn decode_stream(stream: &mut StreamDecoder, codes: &Codes, push: &mut dyn FnMut() -> usize) -> Vec<f32> {
    let (rows, k) = (codes.to_rows(0), codes.codebooks());
    let mut audio = Vec::new();
    let mut at = 0;
    while at < codes.frames() {
        let end = (at + push()).min(codes.frames());
        stream.push_codes(&rows[at * k..end * k], k, &mut audio).unwrap();
        at = end;
    }
    stream.flush(&mut audio).unwrap();
    audio
}

fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f32::max)
}

#[test]
fn chunks_of_any_length_give_the_codes_and_audio_of_the_whole_signal() {
    for preset in [Preset::Khz44, Preset::Khz44Kbps16, Preset::Khz24, Preset::Khz16] {
        let shape = narrow(preset);
        let hop = shape.hop_samples();
        for device in devices() {
            let codec = codec(&shape, device);
            let mut noise = Noise(preset as u64 + 1);
            let (mut frames, mut excused) = (0, 0);
            for (chunk, batch_windows, pipelined) in [(1, 8, false), (3, 2, true), (10, 1, true)] {
                let plan = ChunkPlan::encode(codec.geometry(), chunk)
                    .with_batch_windows(batch_windows)
                    .with_pipelining(pipelined);
                let mut encoder = StreamEncoder::with_plan(codec.clone(), None, plan).unwrap();
                let plan = ChunkPlan::decode(codec.geometry(), chunk)
                    .with_batch_windows(batch_windows)
                    .with_pipelining(pipelined);
                let mut decoder = StreamDecoder::with_plan(codec.clone(), plan);
                let random = noise.below(hop * 3) + 1;
                let lengths = [
                    1,
                    hop - 1,
                    hop,
                    hop + 1,
                    chunk * hop - 1,
                    chunk * hop,
                    chunk * hop + 1,
                    4 * chunk * hop + random,
                ];
                for samples in lengths {
                    let what = format!("{preset}, {device}, chunk {chunk}, {samples} samples");
                    let signal = noise.signal(samples);
                    let whole = codec.encode(&Array3::mono(signal.clone()), None).unwrap();
                    let most = [1 + hop / 3, hop, 5 * hop][noise.below(3)];
                    let mut push = Noise(noise.0);
                    let codes = encode_stream(&mut encoder, &signal, &mut || 1 + push.below(most));
                    excused += compare(&shape, &whole.latents, &codes, &whole.codes, &what);
                    frames += codes.frames();
                    let expected = codec.decode_codes(&whole.codes).unwrap().into_vec();
                    let audio = decode_stream(&mut decoder, &whole.codes, &mut || 1 + push.below(7));
                    let difference = largest_difference(&audio, &expected);
                    assert!(difference <= AUDIO_MAX_ABS, "{what}: audio differs by {difference}");
                }
            }
            assert!(
                excused * 2000 <= frames * shape.codebooks,
                "{preset}, {device}: {excused} ties in {frames} frames"
            );
        }
    }
}

#[test]
fn signals_of_every_length_up_to_two_hops_encode_as_a_whole() {
    for preset in [Preset::Khz44, Preset::Khz44Kbps16, Preset::Khz24, Preset::Khz16] {
        let shape = narrow(preset);
        let codec = codec(&shape, Device::Cpu);
        let geometry = *codec.geometry();
        let mut encoder = StreamEncoder::new(codec.clone(), Some(2), 1).unwrap();
        let signal = Noise(3).signal(2 * geometry.hop_samples);
        for samples in 1..=2 * geometry.hop_samples {
            let whole = codec.encode(&Array3::mono(signal[..samples].to_vec()), Some(2)).unwrap();
            assert_eq!(whole.codes.frames(), geometry.frames_for_samples(samples));
            let codes = encode_stream(&mut encoder, &signal[..samples], &mut || 100);
            compare(&shape, &whole.latents, &codes, &whole.codes, &format!("{preset}, {samples} samples"));
        }
    }
}

#[test]
fn one_frame_less_context_changes_the_result() {
    let shape = narrow(Preset::Khz44);
    let device = *devices().last().unwrap();
    if device == Device::Cpu {
        return;
    }
    let mut weights = WideContext(RandomWeights::new(shape.clone(), 7));
    let codec = Arc::new(Codec::load(&shape, &mut weights, CodecOptions::on(device)).unwrap());
    let signal = Noise(5).signal(40 * shape.hop_samples());
    let whole = codec.encode(&Array3::mono(signal.clone()), None).unwrap();
    let expected = codec.decode_codes(&whole.codes).unwrap().into_vec();
    let (left, right) = codec.geometry().decoder_context_frames();
    let exact = decode_stream(&mut StreamDecoder::new(codec.clone(), 1), &whole.codes, &mut || 3);
    assert!(largest_difference(&exact, &expected) <= AUDIO_MAX_ABS);
    for context in [(left - 1, right), (left, right - 1)] {
        let plan = ChunkPlan::with_context(1, context);
        let mut decoder = StreamDecoder::with_plan(codec.clone(), plan);
        let audio = decode_stream(&mut decoder, &whole.codes, &mut || 3);
        let difference = largest_difference(&audio, &expected);
        assert!(difference > AUDIO_MAX_ABS, "decoder context {context:?} still gives {difference}");
    }
    // The context is rounded up to whole frames, and one frame less must change the output.
    let (left, right) = codec.geometry().encoder_context_frames();
    for context in [(left - 1, right), (left, right - 1)] {
        let mut encoder =
            StreamEncoder::with_plan(codec.clone(), None, ChunkPlan::with_context(1, context)).unwrap();
        let mut rows = QuantizedRows::default();
        encoder.push(&signal, &mut rows).unwrap();
        encoder.flush(&mut rows).unwrap();
        let latents = Array3::from_rows(&rows.latents, whole.latents.shape()[1]).unwrap();
        let first = |a: &Array3| a.as_slice()[..8 * a.shape()[2]].to_vec();
        let difference = largest_difference(&first(&latents), &first(&whole.latents));
        assert!(difference > 1e-5, "encoder context {context:?} still gives {difference}");
    }
}

#[test]
fn pipelining_returns_a_batch_when_the_next_is_submitted() {
    let shape = narrow(Preset::Khz16);
    let Some(device) = devices().into_iter().find(|&device| device != Device::Cpu) else { return };
    let codec = codec(&shape, device);
    let (hop, chunk) = (shape.hop_samples(), 4);
    let signal = Noise(4).signal(60 * hop);
    let whole = codec.encode(&Array3::mono(signal.clone()), None).unwrap();
    for batch_windows in [1, 2] {
        let batch = chunk * batch_windows;
        let plan = ChunkPlan::encode(codec.geometry(), chunk)
            .with_batch_windows(batch_windows)
            .with_pipelining(true);
        let mut encoder = StreamEncoder::with_plan(codec.clone(), None, plan).unwrap();
        let mut rows = QuantizedRows::default();
        let mut returned = Vec::new();
        for (frame, samples) in signal.chunks(hop).enumerate() {
            let before = rows.codes.len();
            encoder.push(samples, &mut rows).unwrap();
            if rows.codes.len() > before {
                returned.push((frame + 1, rows.codes.len() / encoder.codebooks()));
            }
        }
        let latency = encoder.latency_frames();
        assert!(returned.len() > 2);
        let mut last = 0;
        for &(pushed, out) in &returned {
            // Windows at the start have less context, are shorter, and form their own batches.
            assert!(out - last == batch || out - last == chunk, "batches of {batch_windows}: {returned:?}");
            assert!(pushed >= out + chunk, "{out} frames were returned before the next batch was submitted");
            last = out;
        }
        let (pushed, out) = returned[returned.len() - 1];
        assert!(pushed - out <= latency, "{pushed} frames in, {out} out, latency {latency}");
        // A flush waits for the submitted batch, a reset drops it.
        encoder.flush(&mut rows).unwrap();
        let codes = Codes::from_rows(&rows.codes, encoder.codebooks()).unwrap();
        compare(&shape, &whole.latents, &codes, &whole.codes, "pipelined");
        encoder.push(&signal, &mut QuantizedRows::default()).unwrap();
        encoder.reset();
        let codes = encode_stream(&mut encoder, &signal, &mut || 3 * hop);
        compare(&shape, &whole.latents, &codes, &whole.codes, "pipelined, after a reset");

        let plan = ChunkPlan::decode(codec.geometry(), chunk)
            .with_batch_windows(batch_windows)
            .with_pipelining(true);
        let mut decoder = StreamDecoder::with_plan(codec.clone(), plan);
        let pushed = decoder.latency_frames() + 1;
        let (codes, k) = (whole.codes.to_rows(0), whole.codes.codebooks());
        let mut audio = Vec::new();
        decoder.push_codes(&codes[..pushed * k], k, &mut audio).unwrap();
        let out = audio.len() / hop;
        assert!((1..=pushed - chunk).contains(&out), "{pushed} frames in, {out} out");
        decoder.push_codes(&codes[pushed * k..], k, &mut audio).unwrap();
        decoder.flush(&mut audio).unwrap();
        let expected = codec.decode_codes(&whole.codes).unwrap().into_vec();
        assert!(largest_difference(&audio, &expected) <= AUDIO_MAX_ABS);
    }
}

#[test]
fn a_reset_or_an_error_begins_a_new_signal() {
    for device in devices() {
        let shape = narrow(Preset::Khz16);
        let codec = codec(&shape, device);
        let signal = Noise(9).signal(6 * shape.hop_samples() + 17);
        let whole = codec.encode(&Array3::mono(signal.clone()), None).unwrap();
        let mut encoder = StreamEncoder::new(codec.clone(), None, 2).unwrap();
        encoder.push(&[0.7; 1000], &mut QuantizedRows::default()).unwrap();
        encoder.reset();
        let codes = encode_stream(&mut encoder, &signal, &mut || 700);
        compare(&shape, &whole.latents, &codes, &whole.codes, "after reset");
        let mut out = QuantizedRows::default();
        let broken = vec![f32::NAN; 40 * shape.hop_samples()];
        let failed = encoder.push(&broken, &mut out).and_then(|()| encoder.flush(&mut out).map(drop));
        assert!(failed.is_err(), "{device}: NaN was encoded without an error");
        let codes = encode_stream(&mut encoder, &signal, &mut || 700);
        compare(&shape, &whole.latents, &codes, &whole.codes, "after an error");

        let expected = codec.decode_codes(&whole.codes).unwrap().into_vec();
        let mut decoder = StreamDecoder::new(codec.clone(), 2);
        assert!(decoder.push_codes(&[60_000; 12], 12, &mut Vec::new()).is_err());
        assert!(decoder.push_codes(&[0; 13], 13, &mut Vec::new()).is_err());
        let audio = decode_stream(&mut decoder, &whole.codes, &mut || 2);
        assert!(largest_difference(&audio, &expected) <= AUDIO_MAX_ABS, "{device}");
    }
}

#[test]
fn frames_of_another_kind_are_refused() {
    for device in devices() {
        let shape = narrow(Preset::Khz16);
        let codec = codec(&shape, device);
        let z = vec![0.1; shape.latent_dim];
        let mut decoder = StreamDecoder::new(codec.clone(), 2);
        // An empty push does not set the kind.
        decoder.push_z(&[], &mut Vec::new()).unwrap();
        decoder.push_codes(&[1; 12], 12, &mut Vec::new()).unwrap();
        let fewer = decoder.push_codes(&[1; 3], 3, &mut Vec::new()).unwrap_err();
        assert!(
            fewer.to_string().contains("codes of 12 codebooks, like the first frames of the stream"),
            "{device}: {fewer}"
        );
        // The error has ended the signal.
        decoder.push_z(&z, &mut Vec::new()).unwrap();
        let codes = decoder.push_codes(&[1; 12], 12, &mut Vec::new()).unwrap_err();
        assert!(codes.to_string().contains("z, like the first frames of the stream"), "{device}: {codes}");
    }
}

#[test]
fn a_long_stream_returns_every_frame_once() {
    let shape = narrow(Preset::Khz16);
    let codec = codec(&shape, Device::Cpu);
    let mut encoder = StreamEncoder::new(codec.clone(), Some(1), 4).unwrap();
    let latency = encoder.latency_frames();
    let (mut rows, mut pushed, mut emitted) = (QuantizedRows::default(), 0, 0);
    let block = Noise(2).signal(shape.hop_samples());
    for _ in 0..300 {
        encoder.push(&block, &mut rows).unwrap();
        pushed += 1;
        emitted += rows.codes.len();
        rows.codes.clear();
        rows.z.clear();
        rows.latents.clear();
    }
    encoder.flush(&mut rows).unwrap();
    assert_eq!(emitted + rows.codes.len(), pushed);
    assert!(latency <= 9, "{latency}");
}
