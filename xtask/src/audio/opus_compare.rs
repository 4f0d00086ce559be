//! Quality of decoded Opus by the measure of RFC 6716, which the test vectors are judged by.

use std::f32::consts::PI;

use anyhow::{Error, ensure};
use realfft::RealFftPlanner;

const CHANNELS: usize = 2;
/// Limits of the bands, in bins of 100 Hz.
const BANDS: [usize; 22] =
    [0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 68, 80, 96, 120, 156, 200];
const BAND_COUNT: usize = BANDS.len() - 1;
/// Bins that are compared.
const BINS: usize = 200;
const WINDOW: usize = 480;
const STEP: usize = 120;

/// Power by bin and channel of one window, or energy by band and channel.
type Spectrum = Vec<[f32; CHANNELS]>;

/// Computes the quality of `found` against `wanted`, both stereo at 48 kHz with full scale at 32768, in
/// percent. A decoder conforms to the standard at 0 or more.
pub(super) fn quality(wanted: &[f32], found: &[f32]) -> Result<f64, Error> {
    ensure!(wanted.len() == found.len(), "{} samples, expected {}", found.len(), wanted.len());
    ensure!(wanted.len() >= WINDOW * CHANNELS, "{} samples are too few", wanted.len());
    let (mut reference, mut decoded) = (spectra(wanted)?, spectra(found)?);
    let masks = masks(&reference);
    for spectra in [&mut reference, &mut decoded] {
        for (spectrum, mask) in spectra.iter_mut().zip(&masks) {
            for (band, limits) in BANDS.windows(2).enumerate() {
                for bin in &mut spectrum[limits[0]..limits[1]] {
                    (0..CHANNELS).for_each(|channel| bin[channel] += 0.1 * mask[band][channel]);
                }
            }
        }
        add_previous(spectra);
    }
    let errors: f64 = reference.iter().zip(&decoded).map(|(x, y)| window_error(x, y)).sum();
    let error = (errors / reference.len() as f64).powf(1.0 / 16.0);
    Ok(100.0 * (1.0 - 0.5 * (1.0 + error).ln() / 1.13_f64.ln()))
}

/// Power spectra of all windows.
fn spectra(samples: &[f32]) -> Result<Vec<Spectrum>, Error> {
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let shape: Vec<f32> =
        (0..WINDOW).map(|n| 0.5 - 0.5 * (2.0 * PI / (WINDOW - 1) as f32 * n as f32).cos()).collect();
    let (mut input, mut output) = (fft.make_input_vec(), fft.make_output_vec());
    let windows = (samples.len() / CHANNELS - WINDOW + STEP) / STEP;
    let mut all = Vec::with_capacity(windows);
    for window in 0..windows {
        let mut spectrum = vec![[0.0; CHANNELS]; BINS];
        for channel in 0..CHANNELS {
            for (n, (value, shape)) in input.iter_mut().zip(&shape).enumerate() {
                *value = shape * samples[(window * STEP + n) * CHANNELS + channel];
            }
            fft.process(&mut input, &mut output)?;
            for (bin, value) in spectrum.iter_mut().zip(&output) {
                bin[channel] = value.norm_sqr() + 100_000.0;
            }
        }
        all.push(spectrum);
    }
    Ok(all)
}

/// What masks errors in each band: the energy of the reference, spread over frequency, time and channels.
fn masks(reference: &[Spectrum]) -> Vec<Spectrum> {
    let mut masks: Vec<Spectrum> = Vec::with_capacity(reference.len());
    for spectrum in reference {
        let mut mask: Spectrum = BANDS
            .windows(2)
            .map(|limits| {
                let mean = |channel: usize| {
                    let bins = &spectrum[limits[0]..limits[1]];
                    bins.iter().map(|bin| bin[channel]).sum::<f32>() / bins.len() as f32
                };
                [mean(0), mean(1)]
            })
            .collect();
        // Upwards 10 dB per Bark, downwards 15 dB.
        let mut spread = |band: usize, from: usize, factor: f32| {
            (0..CHANNELS).for_each(|channel| mask[band][channel] += factor * mask[from][channel]);
        };
        (1..BAND_COUNT).for_each(|band| spread(band, band - 1, 0.1));
        (0..BAND_COUNT - 1).rev().for_each(|band| spread(band, band + 1, 0.03));
        if let Some(previous) = masks.last() {
            // 3 dB in 2.5 ms.
            for (band, previous) in mask.iter_mut().zip(previous) {
                (0..CHANNELS).for_each(|channel| band[channel] += 0.5 * previous[channel]);
            }
        }
        for [left, right] in &mut mask {
            (*left, *right) = (*left + 0.01 * *right, *right + 0.01 * *left);
        }
        masks.push(mask);
    }
    masks
}

/// Adds to each spectrum the one before.
fn add_previous(spectra: &mut [Spectrum]) {
    for window in (1..spectra.len()).rev() {
        let (before, from) = spectra.split_at_mut(window);
        for (bin, previous) in from[0].iter_mut().zip(&before[window - 1]) {
            (0..CHANNELS).for_each(|channel| bin[channel] += previous[channel]);
        }
    }
}

fn window_error(reference: &Spectrum, decoded: &Spectrum) -> f64 {
    let mut sum = 0.0;
    for limits in BANDS.windows(2) {
        let mut band = 0.0;
        for bin in limits[0]..limits[1] {
            // Decoders may differ where SILK and CELT meet.
            let weight = match bin {
                80 => 0.01,
                79 | 81 => 0.1,
                _ => 1.0,
            };
            for channel in 0..CHANNELS {
                let ratio = f64::from(decoded[bin][channel] / reference[bin][channel]);
                band += weight * (ratio - ratio.ln() - 1.0);
            }
        }
        sum += (band / ((limits[1] - limits[0]) * CHANNELS) as f64).powi(2);
    }
    (sum / BAND_COUNT as f64).powi(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_is_100_for_equal_signals_and_negative_for_noise() {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as f32 / 65_536.0 - 0.5
        };
        let wanted: Vec<f32> =
            (0..96_000).map(|n| 8_000.0 * (n as f32 * 0.031).sin() + 4_000.0 * noise()).collect();
        assert_eq!(quality(&wanted, &wanted).unwrap(), 100.0);
        let near: Vec<f32> = wanted.iter().map(|value| value + 2.0 * noise()).collect();
        let far: Vec<f32> = wanted.iter().map(|value| value + 8_000.0 * noise()).collect();
        assert!(quality(&wanted, &near).unwrap() > 95.0);
        assert!(quality(&wanted, &far).unwrap() < 0.0);
        assert!(quality(&wanted, &near[2..]).is_err());
    }
}
