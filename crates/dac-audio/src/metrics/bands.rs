//! Errors per octave band.

use std::f64::consts::PI;

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

use crate::AudioError;
use crate::check::check_pair;

const WINDOW_SAMPLES: usize = 2_048;
const STEP_SAMPLES: usize = WINDOW_SAMPLES / 2;
/// Centre of the lowest band; each next one is an octave higher (IEC 61260, base 2).
const LOWEST_HZ: f64 = 62.5;

/// Difference of two signals in an octave band.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct OctaveBand {
    /// Centre of the band, which extends from `1/√2` to `√2` times that, at most to half the sample rate.
    pub centre_hz: f64,
    /// Energy of the difference relative to the reference in dB: 0 if the error is as strong as the signal.
    /// Infinite or NaN if the reference has no energy in the band.
    pub error_db: f64,
    /// Energy of the estimate relative to the reference in dB: 0 if both are equally strong, even if they
    /// differ. Infinite or NaN as `error_db`.
    pub level_db: f64,
}

/// Compares two signals, `[channels][samples]` each, in octave bands from 62.5 Hz to half the rate. Sums
/// energies over all channels and over Hann windows of 2048 samples, one every 1024, with zeros around the
/// signals.
///
/// # Errors
/// [`AudioError::LengthsDiffer`], [`AudioError::ChannelCount`] or [`AudioError::UnevenChannels`] if the
/// shapes differ.
pub fn octave_bands<R, E>(
    rate_hz: u32,
    reference: &[R],
    estimate: &[E],
) -> Result<Vec<OctaveBand>, AudioError>
where
    R: AsRef<[f32]>,
    E: AsRef<[f32]>,
{
    let samples = check_pair(reference, estimate, reference.len())?;
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW_SAMPLES);
    let turn = 2.0 * PI / WINDOW_SAMPLES as f64;
    let hann: Vec<f32> = (0..WINDOW_SAMPLES).map(|n| (0.5 - 0.5 * (turn * n as f64).cos()) as f32).collect();
    let mut frame = fft.make_input_vec();
    let mut scratch = fft.make_scratch_vec();
    let mut transform = |plane: &[f32], start: usize, into: &mut Vec<Complex<f32>>| {
        for (n, (into, weight)) in frame.iter_mut().zip(&hann).enumerate() {
            // Half of the first window is before the signal.
            let at = (start + n).checked_sub(STEP_SAMPLES);
            *into = at.and_then(|at| plane.get(at)).copied().unwrap_or(0.0) * weight;
        }
        // Fails only for buffers of another length than the plan's.
        let _ = fft.process_with_scratch(&mut frame, into, &mut scratch);
    };
    let mut sums = vec![[0.0_f64; 3]; WINDOW_SAMPLES / 2 + 1];
    let (mut of_reference, mut of_estimate) = (fft.make_output_vec(), fft.make_output_vec());
    for (reference, estimate) in reference.iter().zip(estimate) {
        for start in (0..samples + STEP_SAMPLES).step_by(STEP_SAMPLES) {
            transform(reference.as_ref(), start, &mut of_reference);
            transform(estimate.as_ref(), start, &mut of_estimate);
            for ((sums, reference), estimate) in sums.iter_mut().zip(&of_reference).zip(&of_estimate) {
                for (sum, value) in sums.iter_mut().zip([*reference, *estimate, estimate - reference]) {
                    *sum += f64::from(value.norm_sqr());
                }
            }
        }
    }
    Ok(bands(f64::from(rate_hz), &sums))
}

/// Sums `[bins][reference, estimate, difference]` per band.
fn bands(rate_hz: f64, sums: &[[f64; 3]]) -> Vec<OctaveBand> {
    let bin_hz = |bin: usize| bin as f64 * rate_hz / WINDOW_SAMPLES as f64;
    let centres = (0..).map(|octave| LOWEST_HZ * f64::from(octave).exp2());
    centres
        .take_while(|centre_hz| centre_hz * 0.5_f64.sqrt() < rate_hz / 2.0)
        .map(|centre_hz| {
            let within = centre_hz * 0.5_f64.sqrt()..centre_hz * 2.0_f64.sqrt();
            let mut band = [0.0_f64; 3];
            for (_, sums) in sums.iter().enumerate().filter(|(bin, _)| within.contains(&bin_hz(*bin))) {
                band.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
            }
            let [reference, estimate, difference] = band;
            let db = |energy: f64| 10.0 * (energy / reference).log10();
            OctaveBand { centre_hz, error_db: db(difference), level_db: db(estimate) }
        })
        .collect()
}
