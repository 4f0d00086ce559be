//! Streams of a group return what separate streams return.

mod common;

use std::sync::Arc;

use common::{codec, devices, narrow};
use dac_model::{Codec, CodecError, CodecOptions, Preset, RandomWeights};
use dac_nn::Device;
use dac_rvq::cpu::QuantizedRows;
use dac_stream::{DecoderGroup, EncoderGroup, StreamDecoder, StreamEncoder, StreamId};
use fastrand::Rng;

/// A codec of the CPU engine for live streams.
fn live(preset: Preset, threads: usize) -> Arc<Codec> {
    let shape = narrow(preset);
    let options = CodecOptions { low_latency: true, threads: Some(threads), ..CodecOptions::on(Device::Cpu) };
    Arc::new(Codec::load(&shape, &mut RandomWeights::new(shape.clone(), 7), options).unwrap())
}

/// Values that a stream of a group and a separate stream have returned of their signal.
#[derive(Default)]
struct Returned {
    group: Vec<f32>,
    separate: Vec<f32>,
}

impl Returned {
    /// Checks that the values agree as far as both have returned them; a group that does not collect large
    /// blocks returns them earlier. At the end of the signal, all must have been returned.
    fn check(&mut self, ended: bool) {
        let common = self.group.len().min(self.separate.len());
        assert!(self.group[..common] == self.separate[..common]);
        if ended {
            assert_eq!(self.group.len(), self.separate.len());
            *self = Self::default();
        }
    }
}

/// Random joins, leaves, pushes of 1 to 40 frames, ends and resets of decoders.
fn sweep_decoders(codec: &Arc<Codec>, steps: usize, seed: u64) {
    let (mut random, mut group) = (Rng::with_seed(seed), DecoderGroup::new(codec.clone(), 4));
    let mut separate: Vec<(StreamId, StreamDecoder, Returned)> = Vec::new();
    let (codebooks, size) = (codec.shape().codebooks, codec.shape().codebook_size);
    let mut returned = 0;
    for step in 0..steps {
        if separate.is_empty() || random.usize(..3) == 0 {
            separate.push((group.join(), StreamDecoder::new(codec.clone(), 4), Returned::default()));
        }
        if separate.len() > 4 {
            let (id, ..) = separate.remove(random.usize(..separate.len()));
            assert!(group.leave(id).is_ok() && group.leave(id).is_err());
        }
        let mut expected = Vec::new();
        for (id, decoder, returned) in &mut separate {
            if random.usize(..12) == 0 {
                group.reset(*id).unwrap();
                decoder.reset();
                *returned = Returned::default();
            }
            let mut out = Vec::new();
            let pushes = random.usize(..3) > 0;
            let ends = random.usize(..8) == 0;
            if pushes {
                let frames = 1 + random.usize(..40);
                let codes: Vec<u16> = (0..frames * codebooks).map(|_| random.usize(..size) as u16).collect();
                // In two pushes, which are one step.
                let (first, rest) = codes.split_at(random.usize(..=frames) * codebooks);
                group.push_codes(*id, first, codebooks).unwrap();
                group.push_codes(*id, rest, codebooks).unwrap();
                decoder.push_codes(&codes, codebooks, &mut out).unwrap();
            }
            if ends {
                group.end(*id).unwrap();
                decoder.flush(&mut out).unwrap();
            }
            if pushes || ends {
                expected.push((*id, ends, out));
            }
        }
        let results: Vec<_> = group.step().into_iter().map(|(id, samples)| (id, samples.unwrap())).collect();
        let is_live = codec.options().low_latency;
        for ((id, samples), (expected_id, ends, expected)) in results.iter().zip(&expected) {
            assert_eq!(id, expected_id);
            assert!(!is_live || samples == expected, "step {step} of seed {seed}");
            let stream = separate.iter_mut().find(|(stream, ..)| stream == id).unwrap();
            stream.2.group.extend(samples);
            stream.2.separate.extend(expected);
            stream.2.check(*ends);
        }
        assert_eq!(results.len(), expected.len());
        returned += results.iter().map(|(_, samples)| samples.len()).sum::<usize>();
        assert_eq!(group.len(), separate.len());
    }
    assert!(returned > 1000, "{returned} samples");
}

/// Random joins, leaves, pushes, ends and resets of encoders.
fn sweep_encoders(codec: &Arc<Codec>, steps: usize, seed: u64) {
    let (mut random, mut group) =
        (Rng::with_seed(seed), EncoderGroup::new(codec.clone(), Some(3), 4).unwrap());
    let mut separate: Vec<(StreamId, StreamEncoder, Returned)> = Vec::new();
    let hop = codec.geometry().hop_samples;
    let mut returned = 0;
    for step in 0..steps {
        if separate.is_empty() || random.usize(..3) == 0 {
            let encoder = StreamEncoder::new(codec.clone(), Some(3), 4).unwrap();
            separate.push((group.join().unwrap(), encoder, Returned::default()));
        }
        if separate.len() > 4 {
            let (id, ..) = separate.remove(random.usize(..separate.len()));
            assert!(group.leave(id).is_ok() && group.leave(id).is_err());
        }
        let mut expected = Vec::new();
        for (id, encoder, returned) in &mut separate {
            if random.usize(..12) == 0 {
                group.reset(*id).unwrap();
                encoder.reset();
                *returned = Returned::default();
            }
            let mut out = QuantizedRows::default();
            let pushes = random.usize(..3) > 0;
            let ends = random.usize(..8) == 0;
            if pushes {
                let length = 1 + random.usize(..20 * hop);
                let samples: Vec<f32> =
                    (0..length).map(|_| random.usize(..2001) as f32 / 1e3 - 1.0).collect();
                group.push(*id, &samples).unwrap();
                encoder.push(&samples, &mut out).unwrap();
            }
            if ends {
                group.end(*id).unwrap();
                encoder.flush(&mut out).unwrap();
            }
            if pushes || ends {
                expected.push((*id, ends, out));
            }
        }
        let results: Vec<_> = group.step().into_iter().map(|(id, rows)| (id, rows.unwrap())).collect();
        let is_live = codec.options().low_latency;
        for ((id, rows), (expected_id, ends, expected)) in results.iter().zip(&expected) {
            assert_eq!(id, expected_id);
            assert!(!is_live || rows == expected, "step {step} of seed {seed}");
            let stream = separate.iter_mut().find(|(stream, ..)| stream == id).unwrap();
            stream.2.group.extend(&rows.z);
            stream.2.separate.extend(&expected.z);
            stream.2.check(*ends);
        }
        assert_eq!(results.len(), expected.len());
        returned += results.iter().map(|(_, rows)| rows.codes.len()).sum::<usize>();
        assert_eq!((group.len(), group.is_empty()), (separate.len(), false));
    }
    assert!(returned > 100, "{returned} codes");
}

#[test]
fn decoders_of_a_group_return_the_bytes_of_separate_decoders() {
    for (seed, threads) in [(1, 1), (2, 2), (3, 1)] {
        sweep_decoders(&live(Preset::Khz44, threads), 16, seed);
    }
    sweep_decoders(&live(Preset::Khz24, 1), 12, 4);
    // Without low latency, and on a device that keeps no state.
    for device in devices() {
        let long_signals = if device == Device::Cpu { 40 } else { 10 };
        sweep_decoders(&codec(&narrow(Preset::Khz44), device), long_signals, 5);
    }
}

#[test]
fn encoders_of_a_group_return_the_bytes_of_separate_encoders() {
    for (seed, threads) in [(1, 1), (2, 2), (3, 1)] {
        sweep_encoders(&live(Preset::Khz44, threads), 16, seed);
    }
    sweep_encoders(&live(Preset::Khz24, 1), 12, 4);
    for device in devices() {
        let long_signals = if device == Device::Cpu { 40 } else { 10 };
        sweep_encoders(&codec(&narrow(Preset::Khz44), device), long_signals, 5);
    }
}

#[test]
fn an_error_resets_only_its_stream() {
    let codec = live(Preset::Khz44, 1);
    let (latent, codebooks) = (codec.shape().latent_dim, codec.shape().codebooks);
    let mut group = DecoderGroup::new(codec.clone(), 4);
    let (good, bad) = (group.join(), group.join());
    let z: Vec<f32> = (0..14 * latent).map(|i| (i as f32 * 0.7).sin()).collect();
    let mut not_finite = z.clone();
    not_finite[3 * latent] = f32::NAN;
    group.push_z(good, &z).unwrap();
    group.push_z(bad, &not_finite).unwrap();
    let results = group.step();
    assert_eq!(
        results.iter().map(|(id, result)| (*id, result.is_ok())).collect::<Vec<_>>(),
        [(good, true), (bad, false)]
    );
    // The stream of the error begins a new signal, even of another kind.
    group.push_codes(bad, &vec![1; 14 * codebooks], codebooks).unwrap();
    let (mut decoder, mut want) = (StreamDecoder::new(codec, 4), Vec::new());
    decoder.push_codes(&vec![1; 14 * codebooks], codebooks, &mut want).unwrap();
    assert_eq!(group.step().remove(0).1.unwrap(), want);

    // Refused when it is pushed.
    assert!(matches!(group.push_codes(good, &vec![1; codebooks], codebooks), Err(CodecError::Input { .. })));
    assert!(group.push_codes(bad, &vec![u16::MAX; codebooks], codebooks).is_err());
    group.end(bad).unwrap();
    let error = group.push_codes(bad, &vec![1; codebooks], codebooks).unwrap_err();
    let expected = format!("the signal of stream {} has ended; step the group before", bad.number());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(group.step().is_empty());
    group.leave(good).unwrap();
    let error = group.push_z(good, &z).unwrap_err();
    let expected = format!("stream {} is not in this group; it has left, or never joined", good.number());
    assert_eq!(error.to_string(), expected);
    assert!(matches!(group.end(StreamId::from_number(77)), Err(CodecError::NotInGroup { number: 77 })));
}

#[test]
fn a_ramp_returns_the_first_samples_at_once_and_the_same_audio() {
    let codec = live(Preset::Khz44, 1);
    let (codebooks, size) = (codec.shape().codebooks, codec.shape().codebook_size);
    let mut random = Rng::with_seed(8);
    let frames = 70;
    let codes: Vec<u16> = (0..frames * codebooks).map(|_| random.usize(..size) as u16).collect();
    let run = |decoder: &mut StreamDecoder| {
        let (mut audio, mut first) = (Vec::new(), None);
        for (frame, codes) in codes.chunks(codebooks).enumerate() {
            decoder.push_codes(codes, codebooks, &mut audio).unwrap();
            first = first.or((!audio.is_empty()).then_some(frame + 1));
        }
        decoder.flush(&mut audio).unwrap();
        (audio, first)
    };
    let (expected, earliest) = run(&mut StreamDecoder::new(codec.clone(), 1));
    assert!(earliest.is_some_and(|frames| frames <= 11));
    for most in [1, 8, 100] {
        let mut decoder = StreamDecoder::new(codec.clone(), 1).with_ramp(most);
        assert_eq!(decoder.latency_frames(), 10 + most - 1);
        for _ in 0..2 {
            let (audio, first) = run(&mut decoder);
            assert_eq!((audio.len(), first), (expected.len(), earliest));
            let largest = audio.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest < 2e-4, "{largest}");
        }
    }
}
