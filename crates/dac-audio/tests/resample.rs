//! Properties of the resampler: length, alignment, edges, independence of block sizes, filter response.

use std::f64::consts::PI;

use dac_audio::{AudioError, Planar, Resampler, resampled_samples};

type Outcome = Result<(), AudioError>;

const RATES_HZ: [u32; 11] =
    [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];

fn sine(rate_hz: u32, frequency_hz: f64, samples: usize) -> Vec<f32> {
    let step = 2.0 * PI * frequency_hz / f64::from(rate_hz);
    (0..samples).map(|n| (0.5 * (step * n as f64).sin()) as f32).collect()
}

fn noise(samples: usize, seed: u64) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..samples).map(|_| 2.0 * random.f32() - 1.0).collect()
}

fn resample(from_hz: u32, to_hz: u32, input: &[f32]) -> Result<Vec<f32>, AudioError> {
    let mut resampler = Resampler::new(from_hz, to_hz, 1)?;
    let mut out = resampler.push(&[input])?;
    out[0].extend_from_slice(&resampler.flush()?[0]);
    Ok(out.remove(0))
}

/// Fits `0.5·sin(2πft)` to a signal. Returns the gain, the time error in samples and the RMS of the rest.
fn fit(output: &[f32], rate_hz: u32, frequency_hz: f64) -> (f64, f64, f64) {
    let step = 2.0 * PI * frequency_hz / f64::from(rate_hz);
    let edge = output.len() / 4;
    let inner = &output[edge..output.len() - edge];
    let basis = |n: usize| (step * (n + edge) as f64).sin_cos();
    let (mut ss, mut sc, mut cc, mut sy, mut cy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (n, &y) in inner.iter().enumerate() {
        let (s, c) = basis(n);
        ss += s * s;
        sc += s * c;
        cc += c * c;
        sy += s * f64::from(y);
        cy += c * f64::from(y);
    }
    let determinant = ss * cc - sc * sc;
    let (a, b) = ((sy * cc - cy * sc) / determinant, (cy * ss - sy * sc) / determinant);
    let residual: f64 = inner
        .iter()
        .enumerate()
        .map(|(n, &y)| {
            let (s, c) = basis(n);
            (f64::from(y) - a * s - b * c).powi(2)
        })
        .sum();
    (a.hypot(b) / 0.5, b.atan2(a) / step, (residual / inner.len() as f64).sqrt())
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-30).log10()
}

#[test]
fn pass_band_alignment_and_stop_band_are_within_limits() -> Outcome {
    let pairs = [
        (48_000, 44_100),
        (44_100, 48_000),
        (44_100, 16_000),
        (44_100, 24_000),
        (8_000, 44_100),
        (44_100, 8_000),
        (22_050, 44_100),
        (96_000, 44_100),
        (192_000, 44_100),
    ];
    for (from_hz, to_hz) in pairs {
        let nyquist_hz = f64::from(from_hz.min(to_hz)) / 2.0;
        let samples = from_hz as usize / 2;
        for share in [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.97] {
            let frequency_hz = share * nyquist_hz;
            let output = resample(from_hz, to_hz, &sine(from_hz, frequency_hz, samples))?;
            let (gain, shift_samples, residual) = fit(&output, to_hz, frequency_hz);
            let what = format!("{from_hz} to {to_hz} Hz at {share} of Nyquist");
            assert!(db(gain).abs() < 1e-3, "{what}: gain {} dB", db(gain));
            assert!(shift_samples.abs() < 1e-6, "{what}: off by {shift_samples} samples");
            assert!(db(residual) < -140.0, "{what}: images and aliases at {} dB", db(residual));
        }
        if from_hz > to_hz {
            for share in [1.0, 1.001, 1.01, 1.05, 1.3, 1.7] {
                let frequency_hz = share * nyquist_hz;
                if frequency_hz < f64::from(from_hz) / 2.0 {
                    let output = resample(from_hz, to_hz, &sine(from_hz, frequency_hz, samples))?;
                    let inner = &output[output.len() / 4..output.len() * 3 / 4];
                    let power: f64 = inner.iter().map(|&y| f64::from(y).powi(2)).sum();
                    let rms = (power / inner.len() as f64).sqrt();
                    assert!(db(rms) < -140.0, "{from_hz} to {to_hz} at {share}: {} dB", db(rms));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn output_length_is_the_exact_length_rounded_up() -> Outcome {
    for from_hz in RATES_HZ {
        for to_hz in RATES_HZ {
            for samples in [1, 2, 441, 1_000, 4_097] {
                let output = resample(from_hz, to_hz, &noise(samples, 1))?;
                let wanted = (samples as u64 * u64::from(to_hz)).div_ceil(u64::from(from_hz));
                assert_eq!(output.len() as u64, wanted, "{samples} samples, {from_hz} to {to_hz} Hz");
                assert_eq!(resampled_samples(samples as u64, from_hz, to_hz), wanted);
            }
        }
    }
    assert!(resample(8_000, 44_100, &[])?.is_empty());
    Ok(())
}

#[test]
fn samples_do_not_depend_on_the_block_size() -> Outcome {
    let left = noise(7_000, 2);
    let right = noise(7_000, 3);
    for (from_hz, to_hz) in [(44_100, 16_000), (8_000, 44_100), (48_000, 44_100)] {
        let mut resampler = Resampler::new(from_hz, to_hz, 2)?;
        let mut wanted = resampler.push(&[&left[..], &right[..]])?;
        append(&mut wanted, resampler.flush()?);
        for step in [1, 7, 63, 1_025, 6_999] {
            // Reuses the resampler, which flush has reset.
            let mut found: Planar = vec![Vec::new(); 2];
            for (left, right) in left.chunks(step).zip(right.chunks(step)) {
                append(&mut found, resampler.push(&[left, right])?);
            }
            append(&mut found, resampler.flush()?);
            assert_eq!(found, wanted, "blocks of {step}, {from_hz} to {to_hz} Hz");
        }
    }
    Ok(())
}

fn append(to: &mut Planar, from: Planar) {
    for (to, from) in to.iter_mut().zip(from) {
        to.extend(from);
    }
}

#[test]
fn impulses_at_both_ends_keep_their_position() -> Outcome {
    for (from_hz, to_hz) in [(8_000, 44_100), (44_100, 48_000), (44_100, 16_000), (96_000, 44_100)] {
        let samples = 5_000;
        for place in [0, samples - 1] {
            let mut input = vec![0.0; samples];
            input[place] = 1.0;
            let output = resample(from_hz, to_hz, &input)?;
            let peak = (0..output.len()).max_by(|&a, &b| output[a].total_cmp(&output[b])).unwrap_or(0);
            let wanted = place as f64 * f64::from(to_hz) / f64::from(from_hz);
            assert!((peak as f64 - wanted).abs() <= 1.0, "{from_hz} to {to_hz}: {peak}, expected {wanted}");
            let ratio = (f64::from(to_hz) / f64::from(from_hz)).min(1.0);
            assert!(f64::from(output[peak]) > 0.6 * ratio, "{from_hz} to {to_hz}: {}", output[peak]);
        }
    }
    Ok(())
}

#[test]
fn equal_rates_return_the_input() -> Outcome {
    let input = noise(3_000, 5);
    assert_eq!(resample(44_100, 44_100, &input)?, input);
    assert!(Resampler::new(44_100, 44_100, 1)?.is_identity());
    Ok(())
}

#[test]
fn set_output_samples_fixes_the_length() -> Outcome {
    for (from_hz, to_hz) in [(44_100, 48_000), (44_100, 8_000), (44_100, 44_100)] {
        let input = noise(10_000, 7);
        let natural = resampled_samples(10_000, from_hz, to_hz);
        let plain = resample(from_hz, to_hz, &input)?;
        for total in [0, 1, natural - 1, natural, natural + 1, natural + 3_000] {
            let mut resampler = Resampler::new(from_hz, to_hz, 1)?;
            resampler.set_output_samples(total)?;
            let mut output: Planar = vec![Vec::new()];
            for block in input.chunks(997) {
                append(&mut output, resampler.push(&[block])?);
            }
            append(&mut output, resampler.flush()?);
            assert_eq!(output[0].len() as u64, total);
            let shared = total.min(natural) as usize;
            assert_eq!(output[0][..shared], plain[..shared]);
        }
        let mut resampler = Resampler::new(from_hz, to_hz, 1)?;
        resampler.push(&[&input[..]])?;
        assert!(matches!(resampler.set_output_samples(1), Err(AudioError::OutputLength { wanted: 1, .. })));
        resampler.set_output_samples(u64::MAX)?;
        assert!(matches!(resampler.flush(), Err(AudioError::OutputLength { .. })));
    }
    Ok(())
}

#[test]
fn coprime_rates_work_and_invalid_rates_are_rejected() -> Outcome {
    // Coprime rates need the longest transforms.
    assert_eq!(resample(44_101, 44_100, &noise(500, 9))?.len(), 500);
    assert_eq!(resample(1_000, 768_000, &noise(3, 9))?.len(), 2_304);
    for (from_hz, to_hz) in [(0, 44_100), (44_100, 999), (768_001, 44_100), (0, 0)] {
        let error = Resampler::new(from_hz, to_hz, 1).err();
        assert!(matches!(error, Some(AudioError::RateOutOfRange { .. })), "{from_hz} to {to_hz}");
    }
    let mut stereo = Resampler::new(48_000, 44_100, 2)?;
    assert!(matches!(stereo.push(&[[0.0]]), Err(AudioError::ChannelCount { expected: 2, found: 1 })));
    let uneven = [vec![0.0], vec![0.0, 1.0]];
    assert!(matches!(stereo.push(&uneven), Err(AudioError::UnevenChannels { channel: 1, .. })));
    Ok(())
}

#[test]
fn nan_and_infinity_are_errors_and_the_largest_number_is_not() -> Outcome {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut signal = noise(5_000, 1);
        signal[4_321] = bad;
        let error = resample(48_000, 44_100, &signal).unwrap_err().to_string();
        assert_eq!(error, "cannot resample from 48000 to 44100 Hz: a sample is NaN or infinite");
    }
    resample(48_000, 44_100, &[f32::MAX; 5_000])?;
    Ok(())
}
