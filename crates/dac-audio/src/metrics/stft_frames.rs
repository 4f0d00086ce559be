//! STFT magnitudes of two signals in parallel: Hann window, hop of a quarter window, first and last frame
//! centred on the ends of the signals, which are reflected.

use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Frames of one window length.
pub(super) struct StftFrames {
    window: Vec<f32>,
    fft: Arc<dyn RealToComplex<f32>>,
    /// Samples still needed, `[channels][samples][reference, estimate]`.
    pairs: Vec<Vec<[f32; 2]>>,
    started: bool,
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    magnitudes: [Vec<f32>; 2],
}

impl fmt::Debug for StftFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StftFrames").field("window", &self.window.len()).finish_non_exhaustive()
    }
}

impl StftFrames {
    pub(super) fn new(planner: &mut RealFftPlanner<f32>, window: usize, channels: usize) -> Self {
        let fft = planner.plan_fft_forward(window);
        let hann = |n: usize| 0.5 - 0.5 * (2.0 * PI * n as f64 / window as f64).cos();
        Self {
            window: (0..window).map(|n| hann(n) as f32).collect(),
            pairs: vec![Vec::new(); channels],
            started: false,
            frame: vec![0.0; window],
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            magnitudes: Default::default(),
            fft,
        }
    }

    /// Adds a block of both signals, `[channels][samples]` each. Calls `measure` with the magnitudes of
    /// reference and estimate for each complete frame.
    pub(super) fn push<R, E>(
        &mut self,
        reference: &[R],
        estimate: &[E],
        measure: &mut impl FnMut(&[f32], &[f32]),
    ) where
        R: AsRef<[f32]>,
        E: AsRef<[f32]>,
    {
        for ((pair, reference), estimate) in self.pairs.iter_mut().zip(reference).zip(estimate) {
            let samples = reference.as_ref().iter().zip(estimate.as_ref());
            pair.extend(samples.map(|(&reference, &estimate)| [reference, estimate]));
        }
        self.run(measure);
    }

    /// Ends the signals, which have `samples` samples. Pads those too short to be reflected with zeros.
    pub(super) fn finish(&mut self, samples: usize, measure: &mut impl FnMut(&[f32], &[f32])) {
        let half = self.window.len() / 2;
        let missing = (half + 1).saturating_sub(samples);
        for plane in &mut self.pairs {
            plane.resize(plane.len() + missing, [0.0; 2]);
        }
        self.run(measure);
        for plane in &mut self.pairs {
            let reflected: Vec<_> = plane.iter().rev().skip(1).take(half).copied().collect();
            plane.extend(reflected);
        }
        self.run(measure);
    }

    fn run(&mut self, measure: &mut impl FnMut(&[f32], &[f32])) {
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
                    self.transform(frame);
                    let [reference, estimate] = &self.magnitudes;
                    measure(reference, estimate);
                    start += length / 4;
                }
                plane.drain(..start.min(plane.len()));
            }
        }
        self.pairs = pairs;
    }

    fn transform(&mut self, frame: &[[f32; 2]]) {
        for (which, magnitudes) in self.magnitudes.iter_mut().enumerate() {
            for ((into, pair), window) in self.frame.iter_mut().zip(frame).zip(&self.window) {
                *into = pair.get(which).copied().unwrap_or(0.0) * window;
            }
            // Fails only for buffers of another length than the plan's.
            let _ = self.fft.process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch);
            magnitudes.clear();
            magnitudes.extend(self.spectrum.iter().map(|bin| bin.norm()));
        }
    }
}
