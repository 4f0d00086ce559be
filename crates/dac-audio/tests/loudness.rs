//! Compares the loudness meter with audiotools (values in `tests/data/meters.tsv`) and with the crate
//! ebur128.

mod common;

use common::{expected, noise, samples, sine};
use dac_audio::{AudioError, LoudnessMeter, MIN_LOUDNESS_DB, loudness_gain};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn signals() -> Vec<(&'static str, u32, Vec<Vec<f64>>)> {
    let mut gap = noise(5, 132_300, 0.5);
    gap[44_100..88_200].iter_mut().for_each(|value| *value *= 0.003);
    let fade = noise(7, 44_100, 0.7).iter().enumerate().map(|(n, v)| v * n as f64 / 44_100.0).collect();
    let offset = sine(11_025, 1_500.0, 6_725, 0.2).iter().map(|v| v + 0.2).collect();
    vec![
        ("sine-997", 48_000, vec![sine(48_000, 997.0, 96_000, 0.1)]),
        ("sine-60", 44_100, vec![sine(44_100, 60.0, 57_330, 0.5)]),
        ("sine-3000", 44_100, vec![sine(44_100, 3_000.0, 44_100, 0.25)]),
        ("noise-44100", 44_100, vec![noise(1, 78_057, 0.3)]),
        ("noise-16000", 16_000, vec![noise(2, 14_400, 0.05)]),
        ("noise-short", 24_000, vec![noise(3, 6_000, 0.2)]),
        ("noise-8000", 8_000, vec![noise(4, 8_400, 0.2)]),
        ("gap", 44_100, vec![gap]),
        ("stereo", 48_000, vec![noise(6, 57_600, 0.4), sine(48_000, 440.0, 57_600, 0.05)]),
        ("fade", 22_050, vec![fade]),
        ("offset", 11_025, vec![offset]),
        ("faint", 44_100, vec![noise(8, 44_100, 1e-5)]),
    ]
}

fn measure(rate_hz: u32, block: &[Vec<f32>], step: usize) -> Result<f64, AudioError> {
    let mut meter = LoudnessMeter::new(rate_hz, block.len())?;
    for start in (0..block[0].len()).step_by(step) {
        let end = (start + step).min(block[0].len());
        let part: Vec<&[f32]> = block.iter().map(|plane| &plane[start..end]).collect();
        meter.push(&part)?;
    }
    Ok(meter.integrated_db())
}

#[test]
fn twelve_signals_match_the_reference_meter() -> Outcome {
    let mut largest_ebur128_difference: f64 = 0.0;
    for (name, rate_hz, channels) in signals() {
        let block = samples(&channels);
        let found = measure(rate_hz, &block, usize::MAX / 2)?;
        let (wanted, _) = expected("loudness", name).ok_or(name)?;
        assert!((found - wanted).abs() < 0.01, "{name}: {found} dB, expected {wanted}");
        for step in [1_000, 7_001] {
            assert!((measure(rate_hz, &block, step)? - found).abs() < 1e-9, "{name}, blocks of {step}");
        }
        // The exact recommendation is close, but not close enough to replace the meter.
        let mut exact = ebur128::EbuR128::new(block.len() as u32, rate_hz, ebur128::Mode::I)?;
        let planes: Vec<&[f32]> = block.iter().map(Vec::as_slice).collect();
        exact.add_frames_planar_f32(&planes)?;
        let exact_db = exact.loudness_global()?.max(MIN_LOUDNESS_DB);
        if name != "noise-short" {
            largest_ebur128_difference = largest_ebur128_difference.max((exact_db - found).abs());
        }
    }
    assert!((0.1..0.4).contains(&largest_ebur128_difference), "{largest_ebur128_difference} dB");
    Ok(())
}

#[test]
fn silence_and_empty_signals_measure_minus_70_db() -> Outcome {
    for samples in [0, 1, 100, 44_100] {
        assert_eq!(measure(44_100, &[vec![0.0; samples]], 1_000)?, MIN_LOUDNESS_DB);
    }
    assert!(measure(1_000, &[vec![1e-3; 700]], 10)? >= MIN_LOUDNESS_DB);
    assert!(matches!(LoudnessMeter::new(999, 1), Err(AudioError::RateOutOfRange { rate_hz: 999 })));
    // NaN samples do not lead to a NaN gain.
    let broken = measure(44_100, &[vec![f32::NAN; 44_100]], 1_000)?;
    assert_eq!(loudness_gain(broken, -16.0), loudness_gain(MIN_LOUDNESS_DB, -16.0));
    assert_eq!(loudness_gain(f64::NEG_INFINITY, -16.0), 1.0);
    assert!((loudness_gain(-22.0, -16.0) - 1.995_262).abs() < 1e-5);
    Ok(())
}

#[test]
fn loudness_follows_gain_and_ignores_silence() -> Outcome {
    let tone = samples(&[sine(44_100, 440.0, 88_200, 0.1)]);
    let base = measure(44_100, &tone, 4_096)?;
    let louder: Vec<Vec<f32>> = vec![tone[0].iter().map(|v| v * 2.0).collect()];
    assert!((measure(44_100, &louder, 4_096)? - base - 6.0206).abs() < 1e-3);
    let mut meter = LoudnessMeter::new(44_100, 1)?;
    meter.push(&tone)?;
    for _ in 0..600 {
        meter.push(&[vec![0.0; 44_100]])?;
    }
    // Only the blocks at the end of the tone change the mean.
    assert!((meter.integrated_db() - base).abs() < 0.5);
    assert!((meter.peak() - 0.1).abs() < 1e-4);
    Ok(())
}
