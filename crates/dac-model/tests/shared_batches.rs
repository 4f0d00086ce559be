//! Batches that signals of different lengths share, compared with separate encodes and decodes.
#![cfg(feature = "flex")]

mod common;

use dac_model::{Codec, CodecError, CodecOptions, Preset};
use dac_nn::Device;
use dac_rvq::{Array3, Codes};

/// A preset's network with few channels on Flex.
fn codec(preset: Preset, shared_batches: bool) -> Codec {
    common::narrow(preset, CodecOptions { shared_batches, ..CodecOptions::on(Device::Flex) })
}

/// Lengths in frames; the first signal is a batch by itself, during which the others wait.
const FRAMES: [usize; 9] = [40, 21, 20, 23, 20, 3, 2, 3, 1];

fn signal(samples: usize, frequency: f32) -> Array3 {
    Array3::mono((0..samples).map(|i| (i as f32 * frequency).sin()).collect())
}

fn largest_difference(a: &Array3, b: &Array3) -> f32 {
    assert_eq!(a.shape(), b.shape());
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn signals_in_shared_batches_give_their_own_results() {
    for preset in Preset::ALL {
        let (separate, shared) = (codec(preset, false), codec(preset, true));
        assert_eq!(separate.batch_totals(), None);
        let hop = separate.geometry().hop_samples;
        // Not whole hops, so that they are padded.
        let signals: Vec<_> =
            FRAMES.iter().enumerate().map(|(i, n)| signal(n * hop - 7 * i, 0.05 + 0.01 * i as f32)).collect();
        let pending: Vec<_> =
            signals.iter().map(|signal| shared.start_encode(signal, None).unwrap()).collect();
        let mut all_codes = Vec::new();
        for (signal, pending) in signals.iter().zip(pending) {
            let (found, expected) = (pending.wait().unwrap(), separate.encode(signal, None).unwrap());
            assert_eq!(found.codes, expected.codes, "{preset}");
            assert!(largest_difference(&found.z, &expected.z) < 1e-4, "{preset}");
            assert!(largest_difference(&found.latents, &expected.latents) < 1e-4, "{preset}");
            all_codes.push(found.codes);
        }
        let totals = shared.batch_totals().unwrap();
        assert_eq!(totals.items, FRAMES.len() as u64);
        assert!(totals.batches < totals.items, "{totals:?}");

        let pending: Vec<_> =
            all_codes.iter().map(|codes| shared.start_decode_codes(codes).unwrap()).collect();
        for (codes, pending) in all_codes.iter().zip(pending) {
            let (found, expected) = (pending.wait().unwrap(), separate.decode_codes(codes).unwrap());
            assert!(largest_difference(&found, &expected) < 1e-4, "{preset}, {} frames", codes.frames());
        }
        assert_eq!(shared.batch_totals().unwrap().items, 2 * FRAMES.len() as u64);
    }
}

#[test]
fn arrays_of_several_signals_keep_their_order() {
    let (separate, shared) = (codec(Preset::Khz24, false), codec(Preset::Khz24, true));
    let signals: Vec<_> = (0..5).map(|i| signal(5000, 0.03 * (i + 1) as f32)).collect();
    let stacked = Array3::stack(&signals).unwrap();
    let (found, expected) =
        (shared.encode(&stacked, Some(3)).unwrap(), separate.encode(&stacked, Some(3)).unwrap());
    assert_eq!(found.codes, expected.codes);
    assert_eq!(found.codes.shape()[..2], [5, 3]);
    assert!(largest_difference(&found.z, &expected.z) < 1e-4);
    let audio = shared.decode_codes(&found.codes).unwrap();
    assert!(largest_difference(&audio, &separate.decode_codes(&found.codes).unwrap()) < 1e-4);
}

#[test]
fn only_an_invalid_signal_of_a_batch_fails() {
    let shared = codec(Preset::Khz16, true);
    let hop = shared.geometry().hop_samples;
    let mut invalid = signal(20 * hop, 0.1).into_vec();
    invalid[1234] = f32::NAN;
    let signals =
        [signal(40 * hop, 0.1), signal(20 * hop, 0.1), Array3::mono(invalid), signal(19 * hop, 0.1)];
    let pending = signals.iter().map(|signal| shared.start_encode(signal, None).unwrap()).collect::<Vec<_>>();
    let results: Vec<_> = pending.into_iter().map(|pending| pending.wait()).collect();
    for (at, result) in results.iter().enumerate() {
        match result {
            Ok(encoded) => assert_eq!(encoded.codes.frames(), [40, 20, 20, 19][at]),
            Err(error) => {
                assert!(at == 2 && matches!(error, CodecError::NonFinite { .. }), "{at}: {error}");
            }
        }
    }
    assert!(results[2].is_err());
    let codes = Codes::new(vec![64; 24], [1, 12, 2]).unwrap();
    assert!(matches!(shared.decode_codes(&codes), Err(CodecError::Codes(_))));
}
