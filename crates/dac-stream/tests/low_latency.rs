//! Audio of low-latency streams, compared with that of the whole signal over all sizes of pushes.
#![allow(clippy::print_stderr, reason = "measured differences are listed")]

use std::sync::Arc;

use dac_model::codec::Isa;
use dac_model::{Codec, CodecOptions, Precision, Preset, RandomWeights};
use dac_nn::{Device, NetworkShape};
use dac_rvq::Codes;
use dac_rvq::cpu::QuantizedRows;
use dac_stream::{StreamDecoder, StreamEncoder};

/// Stated bound of the difference, on a scale of −1 to 1; `docs/user/streaming.md` names it.
const AUDIO_MAX_ABS: f32 = 3e-4;

const FRAMES: usize = 70;

/// Shape of a preset with fewer network channels. The narrower a network, the larger is the difference.
fn narrow(preset: Preset, decoder_dim: usize) -> NetworkShape {
    let mut shape = preset.shape();
    shape.encoder_dim = 2;
    shape.decoder_dim = decoder_dim;
    shape.latent_dim = 24;
    shape.codebook_size = 256;
    shape
}

fn codec(shape: &NetworkShape, seed: u64, isa: Isa, low_latency: bool, precision: Precision) -> Arc<Codec> {
    let options = CodecOptions { isa: Some(isa), low_latency, precision, ..CodecOptions::on(Device::Cpu) };
    Arc::new(Codec::load(shape, &mut RandomWeights::new(shape.clone(), seed), options).unwrap())
}

/// Codes of one channel that follow no pattern.
fn codes(shape: &NetworkShape, seed: u64) -> Codes {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % shape.codebook_size as u64) as u16
    };
    let data = (0..shape.codebooks * FRAMES).map(|_| next()).collect();
    Codes::new(data, [1, shape.codebooks, FRAMES]).unwrap()
}

/// Largest difference between the audio of pushes of `push` frames and `expected`.
fn difference(decoder: &mut StreamDecoder, codes: &Codes, push: usize, expected: &[f32]) -> f32 {
    let (rows, codebooks) = (codes.to_rows(0), codes.codebooks());
    let mut audio = Vec::new();
    for frames in rows.chunks(push * codebooks) {
        decoder.push_codes(frames, codebooks, &mut audio).unwrap();
    }
    decoder.flush(&mut audio).unwrap();
    assert_eq!(audio.len(), expected.len());
    audio.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn low_latency_audio_is_within_the_stated_bound_for_pushes_of_any_size() {
    let mut worst = (0.0, String::new());
    for isa in Isa::available() {
        for preset in [Preset::Khz44, Preset::Khz44Kbps16, Preset::Khz24, Preset::Khz16] {
            for (seed, decoder_dim) in [(6, 16), (4, 32), (5, 64), (11, 96)] {
                let shape = narrow(preset, decoder_dim);
                let codes = codes(&shape, seed);
                let expected = codec(&shape, seed, isa, false, Precision::F32).decode_codes(&codes).unwrap();
                let codec = codec(&shape, seed, isa, true, Precision::F32);
                let mut decoder = StreamDecoder::new(codec, 1);
                for push in [1, 2, 3, 5, 8, 13, 64, FRAMES] {
                    let largest = difference(&mut decoder, &codes, push, expected.as_slice());
                    let what = format!("{preset}, {isa:?}, width {decoder_dim}, pushes of {push}");
                    assert!(largest <= AUDIO_MAX_ABS, "{what}: {largest}");
                    if largest > worst.0 {
                        worst = (largest, what);
                    }
                }
            }
        }
    }
    eprintln!("largest difference {} ({})", worst.0, worst.1);
}

#[test]
fn low_latency_audio_in_exact_precision_is_that_of_the_whole_signal() {
    let Some(isa) = Isa::available().into_iter().next_back() else { return };
    for preset in [Preset::Khz44, Preset::Khz24] {
        let shape = narrow(preset, 32);
        let codes = codes(&shape, 5);
        let expected = codec(&shape, 7, isa, false, Precision::Exact).decode_codes(&codes).unwrap();
        let mut decoder = StreamDecoder::new(codec(&shape, 7, isa, true, Precision::Exact), 1);
        for push in [1, 2, 3, 5, 8, FRAMES] {
            let largest = difference(&mut decoder, &codes, push, expected.as_slice());
            assert_eq!(largest, 0.0, "{preset}, pushes of {push}");
        }
    }
}

/// Codes of narrow random networks differ more than those of trained ones: latents lie between entries, and a
/// different code changes those of all later codebooks. So the bound is what whole signals differ between
/// Winograd and direct convolution.
#[test]
fn low_latency_codes_are_as_close_to_exact_ones_as_those_of_the_whole_signal() {
    let Some(isa) = Isa::available().into_iter().next_back() else { return };
    let (mut of_whole, mut of_live, mut all) = (0, 0, 0);
    for (preset, seed) in [(Preset::Khz44, 9), (Preset::Khz24, 9), (Preset::Khz44, 10), (Preset::Khz24, 11)] {
        let mut shape = narrow(preset, 16);
        shape.encoder_dim = 16;
        let values = codes(&shape, seed);
        let values = values.as_slice().iter().map(|&code| f32::from(code) / 128.0 - 1.0);
        let samples: Vec<f32> = values.cycle().take(FRAMES * shape.hop_samples()).collect();
        let run = |low_latency: bool, precision, push: usize| {
            let codec = codec(&shape, seed, isa, low_latency, precision);
            let mut encoder = StreamEncoder::new(codec, None, 1).unwrap();
            let mut rows = QuantizedRows::default();
            samples.chunks(push).for_each(|block| encoder.push(block, &mut rows).unwrap());
            encoder.flush(&mut rows).unwrap();
            rows.codes
        };
        let exact = run(false, Precision::Exact, samples.len());
        let different = |codes: &[u16]| {
            assert_eq!(codes.len(), exact.len());
            codes.iter().zip(&exact).filter(|(a, b)| a != b).count()
        };
        let whole = different(&run(false, Precision::F32, samples.len()));
        for push in [100, shape.hop_samples(), 8 * shape.hop_samples(), samples.len()] {
            let codes = run(true, Precision::Exact, push);
            assert_eq!(different(&codes), 0, "{preset}, exact, pushes of {push}");
            of_live += different(&run(true, Precision::F32, push));
            of_whole += whole;
            all += exact.len();
        }
    }
    eprintln!("codes that differ from exact ones: {of_live} of {all}, whole signals {of_whole}");
    assert!(of_live <= 2 * of_whole + all / 1000, "{of_live} of {all}, whole signals {of_whole}");
}
