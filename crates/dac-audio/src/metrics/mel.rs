//! The mel distance of the reference codec: its training loss `MelSpectrogramLoss`, as configured for all its models.
//!
//! For each window length, mel magnitudes of both signals (Hann window, hop a quarter of it, centred frames with
//! reflected ends, Slaney's mel scale and area normalisation as in librosa, power 1) are floored at 1e-5; the
//! distance is the mean absolute difference of their `log10`, summed over the window lengths.

use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

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
        let scales = SCALES
            .iter()
            .map(|&(window, bands)| Scale::new(&mut planner, f64::from(rate_hz), window, bands, channels))
            .collect();
        Self { channels, scales, samples: 0 }
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
        for scale in &mut self.scales {
            for ((pair, reference), estimate) in scale.pairs.iter_mut().zip(reference).zip(estimate) {
                let samples = reference.as_ref().iter().zip(estimate.as_ref());
                pair.extend(samples.map(|(&reference, &estimate)| [reference, estimate]));
            }
            scale.run();
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
        self.scales.iter_mut().map(|scale| scale.finish(samples)).sum()
    }
}

/// One window length.
struct Scale {
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    /// Non-zero weights of each band and the bin of the first.
    bands: Vec<(usize, Vec<f32>)>,
    /// `[channels][samples][reference, estimate]`, not yet used up.
    pairs: Vec<Vec<[f32; 2]>>,
    started: bool,
    sum: f64,
    count: u64,
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl fmt::Debug for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scale")
            .field("window", &self.window.len())
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl Scale {
    fn new(
        planner: &mut RealFftPlanner<f32>,
        rate: f64,
        window: usize,
        bands: usize,
        channels: usize,
    ) -> Self {
        let fft = planner.plan_fft_forward(window);
        let hann = |n: usize| 0.5 - 0.5 * (2.0 * PI * n as f64 / window as f64).cos();
        Self {
            window: (0..window).map(|n| hann(n) as f32).collect(),
            bands: mel_bands(rate, window, bands),
            pairs: vec![Vec::new(); channels],
            started: false,
            sum: 0.0,
            count: 0,
            frame: vec![0.0; window],
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }

    /// Measures every frame that is complete.
    fn run(&mut self) {
        let (length, half) = (self.window.len(), self.window.len() / 2);
        let mut pairs = std::mem::take(&mut self.pairs);
        if !self.started && pairs.first().is_some_and(|plane| plane.len() > half) {
            self.started = true;
            for plane in &mut pairs {
                let mut reflected: Vec<_> = plane.iter().skip(1).take(half).rev().copied().collect();
                reflected.append(plane);
                *plane = reflected;
            }
        }
        if self.started {
            for plane in &mut pairs {
                let mut start = 0;
                while let Some(frame) = plane.get(start..start + length) {
                    self.measure(frame);
                    start += length / 4;
                }
                plane.drain(..start.min(plane.len()));
            }
        }
        self.pairs = pairs;
    }

    /// Reflects the end and returns the mean. `samples` is the length of the signals.
    fn finish(&mut self, samples: usize) -> f64 {
        let half = self.window.len() / 2;
        let missing = (half + 1).saturating_sub(samples);
        for plane in &mut self.pairs {
            plane.resize(plane.len() + missing, [0.0; 2]);
        }
        self.run();
        for plane in &mut self.pairs {
            let reflected: Vec<_> = plane.iter().rev().skip(1).take(half).copied().collect();
            plane.extend(reflected);
        }
        self.run();
        self.sum / self.count as f64
    }

    fn measure(&mut self, frame: &[[f32; 2]]) {
        let reference = self.mel_log10(frame, 0);
        let estimate = self.mel_log10(frame, 1);
        for (reference, estimate) in reference.iter().zip(&estimate) {
            self.sum += f64::from((reference - estimate).abs());
        }
        self.count += reference.len() as u64;
    }

    fn mel_log10(&mut self, frame: &[[f32; 2]], which: usize) -> Vec<f32> {
        for ((into, pair), window) in self.frame.iter_mut().zip(frame).zip(&self.window) {
            *into = pair.get(which).copied().unwrap_or(0.0) * window;
        }
        // Fails only for buffers of another length than the plan's own.
        let _ = self.fft.process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch);
        let band = |(first, weights): &(usize, Vec<f32>)| {
            let bins = self.spectrum.get(*first..).unwrap_or_default();
            weights.iter().zip(bins).map(|(weight, bin)| weight * bin.norm()).sum::<f32>().max(FLOOR).log10()
        };
        self.bands.iter().map(band).collect()
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
