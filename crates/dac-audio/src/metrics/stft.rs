//! STFT distance: the training loss `MultiScaleSTFTLoss` of the reference codec, as configured for all its
//! models.
//!
//! The distance is the mean absolute difference of the magnitudes (frames as for the mel distance), plus that
//! of the `log10` of their squares after clamping the magnitudes to at least 1e-5, summed over the window
//! lengths. Unlike the mel distance it depends on the loudness of the signals.

use super::spectral::{Measure, SpectralDistance};
use crate::AudioError;

/// Window lengths in samples.
const WINDOWS: [usize; 2] = [2_048, 512];
/// Smallest magnitude in the logarithm.
const FLOOR: f32 = 1e-5;

/// Measures the STFT distance of an estimate from its reference block by block.
#[derive(Debug)]
pub struct StftDistance(SpectralDistance<Magnitudes>);

#[derive(Debug)]
struct Magnitudes;

impl StftDistance {
    /// Creates a meter for signals of `channels` channels at any rate.
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

    /// Returns the distance of the whole signals; NaN if they are empty. Pads signals of up to 1024 samples,
    /// which the reference implementation rejects, with zeros to 1025.
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
