//! The mel distance of the reference codec: its training loss `MelSpectrogramLoss`, as configured for all its models.
//!
//! For each window length, mel magnitudes of both signals (Hann window, hop a quarter of it, centred frames with
//! reflected ends, Slaney's mel scale and area normalisation as in librosa, power 1) are floored at 1e-5; the
//! distance is the mean absolute difference of their `log10`, summed over the window lengths.

use realfft::RealFftPlanner;

use super::frames::Frames;
use crate::{AudioError, planar};

/// Window lengths in samples and their numbers of mel bands.
const SCALES: [(usize, usize); 7] =
    [(32, 5), (64, 10), (128, 20), (256, 40), (512, 80), (1_024, 160), (2_048, 320)];
const FLOOR: f32 = 1e-5;

/// Measures the mel distance of an estimate from its reference while both stream by.
#[derive(Debug)]
pub struct MelDistance {
    channels: usize,
    scales: Vec<Scale>,
    samples: u64,
}

impl MelDistance {
    /// A meter for signals of `channels` channels at `rate_hz`.
    #[must_use]
    pub fn new(rate_hz: u32, channels: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let scale = |&(window, bands)| Scale {
            frames: Frames::new(&mut planner, window, channels),
            sum: Sum { bands: mel_bands(f64::from(rate_hz), window, bands), differences: 0.0, count: 0 },
        };
        Self { channels, scales: SCALES.iter().map(scale).collect(), samples: 0 }
    }

    /// Adds a block of both signals, `[channels][samples]` each.
    ///
    /// # Errors
    /// [`AudioError::LengthsDiffer`], [`AudioError::ChannelCount`] or [`AudioError::UnevenChannels`] if the
    /// shapes differ.
    pub fn push<R, E>(&mut self, reference: &[R], estimate: &[E]) -> Result<(), AudioError>
    where
        R: AsRef<[f32]>,
        E: AsRef<[f32]>,
    {
        let samples = planar::check_pair(reference, estimate, self.channels)?;
        for Scale { frames, sum } in &mut self.scales {
            frames.push(reference, estimate, &mut |reference, estimate| sum.add(reference, estimate));
        }
        self.samples += samples as u64;
        Ok(())
    }

    /// The distance of all that was pushed; NaN if that was nothing. A signal of up to 1024 samples, which the
    /// reference refuses, is filled up to 1025 with zeros.
    #[must_use]
    pub fn finish(mut self) -> f64 {
        if self.samples == 0 {
            return f64::NAN;
        }
        let samples = self.samples as usize;
        for Scale { frames, sum } in &mut self.scales {
            frames.finish(samples, &mut |reference, estimate| sum.add(reference, estimate));
        }
        self.scales.iter().map(|scale| scale.sum.differences / scale.sum.count as f64).sum()
    }
}

/// One window length.
#[derive(Debug)]
struct Scale {
    frames: Frames,
    sum: Sum,
}

#[derive(Debug)]
struct Sum {
    /// Non-zero weights of each band and the bin of the first.
    bands: Vec<(usize, Vec<f32>)>,
    differences: f64,
    count: u64,
}

impl Sum {
    fn add(&mut self, reference: &[f32], estimate: &[f32]) {
        let mel_log10 = |magnitudes: &[f32], (first, weights): &(usize, Vec<f32>)| {
            let bins = magnitudes.get(*first..).unwrap_or_default();
            weights.iter().zip(bins).map(|(weight, bin)| weight * bin).sum::<f32>().max(FLOOR).log10()
        };
        for band in &self.bands {
            let difference = mel_log10(reference, band) - mel_log10(estimate, band);
            self.differences += f64::from(difference.abs());
        }
        self.count += self.bands.len() as u64;
    }
}

/// Triangles on Slaney's mel scale from 0 Hz to half the rate, each of unit area in Hz (librosa's `filters.mel`).
fn mel_bands(rate: f64, window: usize, bands: usize) -> Vec<(usize, Vec<f32>)> {
    let top = mel_of_hz(rate / 2.0);
    let edge = |index: usize| hz_of_mel(top * index as f64 / (bands + 1) as f64);
    (0..bands)
        .map(|band| {
            let (low, centre, high) = (edge(band), edge(band + 1), edge(band + 2));
            let weight = |bin: usize| {
                let hz = bin as f64 * rate / window as f64;
                let triangle = ((hz - low) / (centre - low)).min((high - hz) / (high - centre)).max(0.0);
                (triangle * 2.0 / (high - low)) as f32
            };
            let used = |bin: &usize| weight(*bin) > 0.0;
            let first = (0..=window / 2).find(used).unwrap_or(0);
            (first, (first..=window / 2).map_while(|bin| used(&bin).then(|| weight(bin))).collect())
        })
        .collect()
}

/// Slaney's scale: linear to 1 kHz (15 mel), then logarithmic, 27 steps for a factor of 6.4.
fn mel_of_hz(hz: f64) -> f64 {
    if hz < 1000.0 { hz * 3.0 / 200.0 } else { 15.0 + 27.0 * (hz / 1000.0).ln() / 6.4_f64.ln() }
}

fn hz_of_mel(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}
