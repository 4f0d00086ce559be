//! The STFT distance of the reference codec: its training loss `MultiScaleSTFTLoss`, as configured for all its models.
//!
//! For each window length, magnitudes of both signals (frames as for the mel distance); the distance is the mean absolute
//! difference of the magnitudes, and of the `log10` of their squares after a floor of 1e-5, summed over the window lengths. Unlike
//! the mel distance it depends on how loud the signals are.

use super::spectral::{Measure, SpectralDistance};
use crate::AudioError;

const WINDOWS: [usize; 2] = [2_048, 512];
const FLOOR: f32 = 1e-5;

/// Measures the STFT distance of an estimate from its reference while both stream by.
#[derive(Debug)]
pub struct StftDistance(SpectralDistance<Magnitudes>);

#[derive(Debug)]
struct Magnitudes;

impl StftDistance {
    /// A meter for signals of `channels` channels, of any rate.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self(SpectralDistance::new(channels, WINDOWS.map(|window| (window, Magnitudes))))
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
        self.0.push(reference, estimate)
    }

    /// The distance of all that was pushed; NaN if that was nothing. A signal of up to 1024 samples, which the
    /// reference refuses, is filled up to 1025 with zeros.
    #[must_use]
    pub fn finish(self) -> f64 {
        self.0.finish()
    }
}

impl Measure for Magnitudes {
    fn differences(&self, reference: &[f32], estimate: &[f32], mut add: impl FnMut(f32)) {
        let level = |magnitude: f32| 2.0 * magnitude.max(FLOOR).log10();
        for (&reference, &estimate) in reference.iter().zip(estimate) {
            add((reference - estimate).abs() + (level(reference) - level(estimate)).abs());
        }
    }
}
