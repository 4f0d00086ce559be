//! The STFT distance of the reference codec: its training loss `MultiScaleSTFTLoss`, as configured for all its models.
//!
//! For each window length, magnitudes of both signals (frames as for the mel distance); the distance is the mean absolute
//! difference of the magnitudes, and of the `log10` of their squares after a floor of 1e-5, summed over the window lengths. Unlike
//! the mel distance it depends on how loud the signals are.

use realfft::RealFftPlanner;

use super::frames::Frames;
use crate::{AudioError, planar};

const WINDOWS: [usize; 2] = [2_048, 512];
const FLOOR: f32 = 1e-5;

/// Measures the STFT distance of an estimate from its reference while both stream by.
#[derive(Debug)]
pub struct StftDistance {
    channels: usize,
    scales: Vec<Scale>,
    samples: u64,
}

/// One window length.
#[derive(Debug)]
struct Scale {
    frames: Frames,
    sum: Sum,
}

#[derive(Debug, Default)]
struct Sum {
    differences: f64,
    count: u64,
}

impl StftDistance {
    /// A meter for signals of `channels` channels, of any rate.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let scale =
            |&window| Scale { frames: Frames::new(&mut planner, window, channels), sum: Sum::default() };
        Self { channels, scales: WINDOWS.iter().map(scale).collect(), samples: 0 }
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

impl Sum {
    fn add(&mut self, reference: &[f32], estimate: &[f32]) {
        let level = |magnitude: f32| 2.0 * magnitude.max(FLOOR).log10();
        for (&reference, &estimate) in reference.iter().zip(estimate) {
            let difference = (reference - estimate).abs() + (level(reference) - level(estimate)).abs();
            self.differences += f64::from(difference);
        }
        self.count += reference.len() as u64;
    }
}
