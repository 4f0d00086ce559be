//! Compares SI-SDR, mel and STFT distance with the values in `tests/data/meters.tsv`, and SNR and octave
//! bands with their definitions.

mod common;

use common::{expected, noise, samples, sine};
use dac_audio::AudioError;
use dac_audio::metrics::{DistortionMeter, MelDistance, StftDistance, octave_bands};

type Outcome = Result<(), Box<dyn std::error::Error>>;
type Pair = (&'static str, u32, Vec<Vec<f64>>, Vec<Vec<f64>>);

fn sum(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn scaled(a: &[f64], by: f64) -> Vec<f64> {
    a.iter().map(|value| value * by).collect()
}

fn pairs() -> Vec<Pair> {
    let base = sum(&sine(44_100, 440.0, 30_000, 0.4), &noise(11, 30_000, 0.05));
    let shifted = sum(&scaled(&base, 0.5), &noise(13, 30_000, 0.001)).iter().map(|v| v + 0.01).collect();
    let (left, right) = (noise(16, 5_001, 0.2), sine(24_000, 3_000.0, 5_001, 0.3));
    vec![
        ("noisy", 44_100, vec![base.clone()], vec![sum(&base, &noise(12, 30_000, 0.02))]),
        ("scaled", 44_100, vec![base.clone()], vec![shifted]),
        ("unlike", 16_000, vec![noise(14, 8_000, 0.3)], vec![noise(15, 8_000, 0.3)]),
        (
            "stereo",
            24_000,
            vec![left.clone(), right.clone()],
            vec![sum(&left, &noise(17, 5_001, 0.01)), scaled(&right, 0.9)],
        ),
        ("faint", 44_100, vec![scaled(&base[..4_000], 0.001)], vec![vec![0.0; 4_000]]),
    ]
}

fn parts(block: &[Vec<f32>], start: usize, step: usize) -> Vec<&[f32]> {
    block.iter().map(|plane| &plane[start..(start + step).min(plane.len())]).collect()
}

#[test]
fn si_sdr_and_distances_match_the_reference() -> Outcome {
    for (name, rate_hz, reference, estimate) in pairs() {
        let (reference, estimate) = (samples(&reference), samples(&estimate));
        let (sdr_db, mel) = expected("distance", name).ok_or(name)?;
        let (stft, _) = expected("stft", name).ok_or(name)?;
        for step in [100, 1_025, 1 << 20] {
            let mut distortion = DistortionMeter::new();
            let mut distance = MelDistance::new(rate_hz, reference.len());
            let mut stft_distance = StftDistance::new(reference.len());
            for start in (0..reference[0].len()).step_by(step) {
                let (reference, estimate) = (parts(&reference, start, step), parts(&estimate, start, step));
                distortion.push(&reference, &estimate)?;
                distance.push(&reference, &estimate)?;
                stft_distance.push(&reference, &estimate)?;
            }
            if sdr_db.is_finite() {
                let found_db = distortion.si_sdr_db();
                assert!((found_db - sdr_db).abs() < 1e-3, "{name}: SI-SDR {found_db} dB, expected {sdr_db}");
            }
            let found = distance.finish();
            assert!((found - mel).abs() < 1e-3 * mel, "{name}: mel distance {found}, expected {mel}");
            let found = stft_distance.finish();
            assert!((found - stft).abs() < 1e-3 * stft, "{name}: STFT distance {found}, expected {stft}");
        }
    }
    Ok(())
}

#[test]
fn equal_signals_have_no_distance_and_known_pairs_their_values() -> Outcome {
    let signal = samples(&[noise(1, 3_000, 0.5)]);
    let mut meter = DistortionMeter::new();
    meter.push(&signal, &signal)?;
    assert_eq!(meter.si_sdr_db(), f64::INFINITY);
    assert_eq!(meter.snr_db(), f64::INFINITY);
    assert_eq!(meter.largest_difference(), 0.0);
    let mut distance = MelDistance::new(44_100, 1);
    distance.push(&signal, &signal)?;
    assert_eq!(distance.finish(), 0.0);
    let mut distance = StftDistance::new(1);
    distance.push(&signal, &signal)?;
    assert_eq!(distance.finish(), 0.0);

    let mut meter = DistortionMeter::new();
    meter.push(&[[1.0, -1.0, 1.0, -1.0]], &[[0.9, -0.9, 0.9, -0.9]])?;
    assert!((meter.snr_db() - 20.0).abs() < 1e-5);
    assert!(meter.si_sdr_db() > 120.0, "a scaled copy is not distorted");
    assert!((meter.largest_difference() - 0.1).abs() < 1e-6);
    assert_eq!(meter.samples(), 4);
    Ok(())
}

#[test]
fn si_sdr_of_a_close_copy_is_exact() -> Outcome {
    // A difference of 160 dB, which sums over the estimate itself would not resolve.
    let reference: Vec<f32> = (0..4_096).map(|n| if n % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let mut estimate = reference.clone();
    estimate[1_000] += 2.0_f32.powi(-23);
    let mut meter = DistortionMeter::new();
    meter.push(&[&reference[..]], &[&estimate[..]])?;
    let wanted = 10.0 * (4_096.0 * 2.0_f64.powi(46)).log10();
    assert!((meter.si_sdr_db() - wanted).abs() < 0.01, "{} dB, expected {wanted}", meter.si_sdr_db());
    Ok(())
}

#[test]
fn short_signals_are_padded_and_shapes_checked() -> Outcome {
    for samples in [1, 15, 16, 17, 1_023, 1_024, 1_025] {
        let mut distance = MelDistance::new(44_100, 1);
        distance.push(&[vec![0.5; samples]], &[vec![0.25; samples]])?;
        let found = distance.finish();
        assert!(found.is_finite() && found > 0.0, "{samples} samples: {found}");
        let mut distance = StftDistance::new(1);
        distance.push(&[vec![0.5; samples]], &[vec![0.25; samples]])?;
        let found = distance.finish();
        assert!(found.is_finite() && found > 0.0, "{samples} samples: {found}");
    }
    assert!(MelDistance::new(44_100, 1).finish().is_nan() && StftDistance::new(1).finish().is_nan());
    let mut meter = DistortionMeter::new();
    assert!(matches!(meter.push(&[[0.0]], &[[0.0, 1.0]]), Err(AudioError::LengthsDiffer { .. })));
    assert!(matches!(meter.push(&[[0.0]], &[[0.0], [1.0]]), Err(AudioError::ChannelCount { .. })));
    assert!(matches!(
        MelDistance::new(8_000, 2).push(&[[0.0]], &[[0.0]]),
        Err(AudioError::ChannelCount { .. })
    ));
    assert!(matches!(StftDistance::new(2).push(&[[0.0]], &[[0.0]]), Err(AudioError::ChannelCount { .. })));
    Ok(())
}

#[test]
fn octave_bands_separate_errors_by_frequency() -> Outcome {
    let (low, high) = (sine(44_100, 500.0, 44_100, 0.2), sine(44_100, 8_000.0, 44_100, 0.3));
    let reference = samples(&[sum(&low, &high), low.clone()]);
    // The low tone is halved, the high one inverted: equally strong, with the largest possible error.
    let estimate = samples(&[sum(&scaled(&low, 0.5), &scaled(&high, -1.0)), scaled(&low, 0.5)]);
    let bands = octave_bands(44_100, &reference, &estimate)?;
    let centres: Vec<f64> = bands.iter().map(|band| band.centre_hz).collect();
    assert_eq!(centres, [62.5, 125.0, 250.0, 500.0, 1e3, 2e3, 4e3, 8e3, 16e3]);
    let half_db = 20.0 * 0.5_f64.log10();
    for (index, error_db, level_db) in [(3, half_db, half_db), (7, -half_db, 0.0)] {
        let band = bands[index];
        assert!((band.error_db - error_db).abs() < 1e-3, "{band:?}");
        assert!((band.level_db - level_db).abs() < 1e-3, "{band:?}");
    }
    let same = octave_bands(16_000, &reference, &reference)?;
    assert_eq!(same.len(), 8);
    assert!(same.iter().all(|band| band.error_db == f64::NEG_INFINITY && band.level_db == 0.0), "{same:?}");
    let silent = octave_bands(8_000, &[[0.0_f32; 3]], &[[0.5_f32; 3]])?;
    assert!(silent.iter().all(|band| band.error_db == f64::INFINITY), "{silent:?}");
    assert!(octave_bands(8_000, &[[0.0_f32; 0]], &[[0.0_f32; 0]])?.iter().all(|band| band.error_db.is_nan()));
    assert!(matches!(octave_bands(8_000, &[[0.0]], &[[0.0, 1.0]]), Err(AudioError::LengthsDiffer { .. })));
    assert!(octave_bands(1, &[[0.0]], &[[0.0]])?.is_empty());
    Ok(())
}
