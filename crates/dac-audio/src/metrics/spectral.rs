//! Distance of the STFT magnitudes of two signals at several window lengths.

use realfft::RealFftPlanner;

use super::stft_frames::StftFrames;
use crate::AudioError;
use crate::check::check_pair;

/// Difference of the magnitudes of two frames.
pub trait Measure {
    /// Calls `add` with each difference.
    fn differences(&self, reference: &[f32], estimate: &[f32], add: impl FnMut(f32));
}

/// Mean difference at each window length, summed over the window lengths. Measured block by block.
#[derive(Debug)]
pub struct SpectralDistance<M> {
    channels: usize,
    scales: Vec<Scale<M>>,
    samples: u64,
}

/// Frames and differences of one window length.
#[derive(Debug)]
struct Scale<M> {
    frames: StftFrames,
    sum: Sum<M>,
}

#[derive(Debug)]
struct Sum<M> {
    measure: M,
    differences: f64,
    count: u64,
}

impl<M: Measure> SpectralDistance<M> {
    /// Creates a meter for signals of `channels` channels, with a measure for each window length.
    pub(super) fn with_scales(channels: usize, scales: impl IntoIterator<Item = (usize, M)>) -> Self {
        let mut planner = RealFftPlanner::new();
        let scale = |(window, measure)| Scale {
            frames: StftFrames::new(&mut planner, window, channels),
            sum: Sum { measure, differences: 0.0, count: 0 },
        };
        Self { channels, scales: scales.into_iter().map(scale).collect(), samples: 0 }
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
        let samples = check_pair(reference, estimate, self.channels)?;
        for Scale { frames, sum } in &mut self.scales {
            frames.push(reference, estimate, &mut |reference, estimate| sum.add(reference, estimate));
        }
        self.samples += samples as u64;
        Ok(())
    }

    /// Returns the distance of the whole signals; NaN if they are empty. Pads signals of up to 1024 samples,
    /// which the reference implementation rejects, with zeros to 1025.
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

impl<M: Measure> Sum<M> {
    fn add(&mut self, reference: &[f32], estimate: &[f32]) {
        let Self { measure, differences, count } = self;
        measure.differences(reference, estimate, |difference| {
            *differences += f64::from(difference);
            *count += 1;
        });
    }
}
