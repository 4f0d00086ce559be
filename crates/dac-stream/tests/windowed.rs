//! Windowed mode: its lengths against the reference, its frames and samples against the padded network.

mod common;

use dac_model::Preset;
use dac_rvq::Array3;
use dac_rvq::cpu::QuantizedRows;
use dac_stream::windowed::{WindowedChunks, WindowedDecoder, WindowedEncoder, WindowedError, WindowedPlan};

use common::{codec, devices, narrow};

const PRESETS: [Preset; 4] = [Preset::Khz44, Preset::Khz44Kbps16, Preset::Khz24, Preset::Khz16];

/// Compares with the reference's `get_delay`, `get_output_length` and `compress`.
#[test]
fn window_lengths_equal_the_references() {
    let rows = [
        (Preset::Khz44, 1.0, [7904, 44544, 28522, 72]),
        (Preset::Khz44, 5.0, [7904, 220_672, 204_650, 416]),
        (Preset::Khz44Kbps16, 1.0, [7904, 44544, 28522, 72]),
        (Preset::Khz44Kbps16, 5.0, [7904, 220_672, 204_650, 416]),
        (Preset::Khz24, 1.0, [5264, 24000, 13346, 59]),
        (Preset::Khz24, 5.0, [5264, 120_000, 109_346, 359]),
        (Preset::Khz16, 1.0, [5264, 16000, 5346, 34]),
        (Preset::Khz16, 5.0, [5264, 80000, 69346, 234]),
    ];
    for (preset, seconds, expected) in rows {
        let plan = WindowedPlan::new(&preset.shape(), seconds).unwrap();
        let found = [plan.delay_samples, plan.window_samples, plan.step_samples, plan.chunk_frames];
        assert_eq!(found, expected, "{preset}, {seconds} s");
        let samples = plan.window_samples;
        assert!(plan.is_whole((seconds * f64::from(preset.shape().sample_rate_hz)) as usize));
        assert!(!plan.is_whole(samples + 1));
        assert_eq!(plan.windows(samples + 1), (samples + 1).div_ceil(plan.step_samples));
        let chunks = WindowedChunks { chunk_frames: plan.chunk_frames, padding: false };
        assert_eq!(chunks.samples(&preset.shape(), plan.chunk_frames), Ok(plan.step_samples));
    }
}

#[test]
fn windows_that_are_too_short_or_invalid_are_refused() {
    for (preset, hops) in
        [(Preset::Khz44, 32), (Preset::Khz44Kbps16, 32), (Preset::Khz24, 34), (Preset::Khz16, 34)]
    {
        let shape = preset.shape();
        let seconds = |hops: usize| (hops * shape.hop_samples()) as f64 / f64::from(shape.sample_rate_hz);
        let plan = WindowedPlan::new(&shape, seconds(hops)).unwrap();
        assert_eq!(plan.window_samples, hops * shape.hop_samples());
        match WindowedPlan::new(&shape, seconds(hops - 1)) {
            Err(WindowedError::WindowTooSmall { smallest_seconds, .. }) => {
                assert_eq!(smallest_seconds, seconds(hops));
            }
            other => panic!("{preset}: {other:?}"),
        }
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            let refused = WindowedPlan::new(&shape, seconds);
            assert!(matches!(refused, Err(WindowedError::WindowSeconds { .. })), "{seconds}");
        }
        let chunks = WindowedChunks { chunk_frames: plan.chunk_frames - 1, padding: false };
        let refused = chunks.samples(&shape, plan.chunk_frames - 1).unwrap_err();
        let smallest_frames = plan.chunk_frames;
        assert_eq!(refused, WindowedError::ChunkTooShort { frames: smallest_frames - 1, smallest_frames });
    }
}

fn encode(encoder: &mut WindowedEncoder, signal: &[f32], push: usize) -> (QuantizedRows, usize, bool) {
    let mut rows = QuantizedRows::default();
    for part in signal.chunks(push) {
        encoder.push(part, &mut rows).unwrap();
    }
    let summary = encoder.flush(&mut rows).unwrap();
    assert_eq!(summary.samples, signal.len());
    (rows, summary.chunk_frames, summary.padding)
}

/// Compares each window with a padded encode of the delayed signal on the window's grid.
#[test]
fn frames_of_windows_equal_those_of_the_padded_network() {
    for preset in PRESETS {
        let shape = narrow(preset);
        for device in devices() {
            let codec = codec(&shape, device);
            let hop = shape.hop_samples();
            let seconds = (60 * hop) as f64 / f64::from(shape.sample_rate_hz);
            let plan = WindowedPlan::new(&shape, seconds).unwrap();
            let signal: Vec<f32> = (0..plan.window_samples + 999)
                .map(|i| 0.3 * (i as f32 * 0.05).sin() + 0.1 * (i as f32).sin())
                .collect();
            let mut encoder = WindowedEncoder::new(codec.clone(), Some(3), plan).unwrap();
            let (rows, chunk_frames, padding) = encode(&mut encoder, &signal, usize::MAX);
            assert_eq!((chunk_frames, padding), (plan.chunk_frames, false), "{preset}, {device}");
            assert_eq!(rows.codes.len(), plan.windows(signal.len()) * plan.chunk_frames * 3);
            assert_eq!(
                encode(&mut encoder, &signal, 777).0,
                rows,
                "{preset}, {device}: the result depends on the pushes"
            );

            // Frame j of a window starts `left` samples after the window's start.
            let left = codec.geometry().encoder_left_samples;
            for window in 0..plan.windows(signal.len()) {
                let start = window * plan.step_samples + left;
                let mut delayed = vec![0.0; plan.delay_samples];
                delayed.extend(&signal);
                delayed.resize(plan.window_samples + window * plan.step_samples, 0.0);
                // Zeros that align the hops with this window's grid and give its first frame a full context.
                let before = vec![0.0; (hop - start % hop) % hop + 8 * hop];
                let skip = (before.len() + start) / hop;
                let padded: Vec<f32> = before.into_iter().chain(delayed).collect();
                let expected = codec.encode(&Array3::mono(padded), Some(3)).unwrap();
                let (expected, width) = (expected.latents.to_rows(0), 3 * shape.codebook_dim);
                let found =
                    rows.latents.chunks(width).skip(window * plan.chunk_frames).take(plan.chunk_frames);
                // Latents of the first codebook do not depend on ties.
                let pairs = found.zip(expected.chunks(width).skip(skip));
                let first = pairs.flat_map(|(a, b)| a.iter().zip(b).take(shape.codebook_dim));
                let worst = first.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-4, "{preset}, {device}, window {window}: {worst}");
            }

            let short = &signal[..plan.window_samples - 5];
            let (rows, frames, padding) = encode(&mut encoder, short, 1000);
            let whole = codec.encode(&Array3::mono(short.to_vec()), Some(3)).unwrap();
            assert_eq!((frames, padding), (whole.codes.frames(), true));
            assert_eq!(rows.codes, whole.codes.to_rows(0), "{preset}, {device}");
        }
    }
}

#[test]
fn chunks_decode_alike_for_all_push_lengths() {
    for preset in PRESETS {
        let shape = narrow(preset);
        for device in devices() {
            let codec = codec(&shape, device);
            let frames = 45;
            let codes: Vec<u16> = (0..frames * 2).map(|i| (i * 37 % 256) as u16).collect();
            for (chunk_frames, padding) in [(20, false), (45, false), (20, true), (45, true), (1000, true)] {
                let chunks = WindowedChunks { chunk_frames, padding };
                // The last chunk of 5 frames is too short without padding.
                let frames = if padding { frames } else { frames / chunk_frames * chunk_frames };
                let codes = &codes[..frames * 2];
                let mut decoder = WindowedDecoder::new(codec.clone(), chunks);
                let mut decode = |push: usize| {
                    let mut audio = Vec::new();
                    for part in codes.chunks(push * 2) {
                        decoder.push_codes(part, 2, &mut audio).unwrap();
                    }
                    decoder.flush(&mut audio).unwrap();
                    audio
                };
                let audio = decode(frames);
                assert_eq!(
                    audio.len(),
                    chunks.samples(&shape, frames).unwrap(),
                    "{preset}, {device}, {chunks:?}"
                );
                let again = decode(7);
                let worst = audio.iter().zip(&again).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(
                    again.len() == audio.len() && worst < 1e-5,
                    "{preset}, {device}, {chunks:?}: {worst}"
                );
                if padding && chunk_frames >= frames {
                    let codes = dac_rvq::Codes::from_rows(codes, 2).unwrap();
                    let whole = codec.decode_codes(&codes).unwrap().into_vec();
                    let worst = audio.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(whole.len() == audio.len() && worst < 1e-5, "{preset}, {device}: {worst}");
                }
            }
            let short = WindowedChunks { chunk_frames: 20, padding: false };
            let mut decoder = WindowedDecoder::new(codec.clone(), short);
            let mut audio = Vec::new();
            decoder.push_codes(&codes, 2, &mut audio).unwrap();
            let error = decoder.flush(&mut audio).unwrap_err().to_string();
            assert!(error.contains("too short"), "{error}");
            assert!(WindowedChunks::samples(&short, &shape, frames).is_err());
        }
    }
}
