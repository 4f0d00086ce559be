//! STFT distance: the training loss `MultiScaleSTFTLoss` of the reference codec, as configured for all its
//! models.
//!
//! The distance is the mean absolute difference of the magnitudes (frames as for the mel distance), plus that
//! of the `log10` of their squares after clamping the magnitudes to at least 1e-5, summed over the window
//! lengths. Unlike the mel distance it depends on the loudness of the signals.

use super::spectral::{Measure, SpectralDistance};

/// Window lengths in samples.
const WINDOWS: [usize; 2] = [2_048, 512];
/// Smallest magnitude in the logarithm.
const FLOOR: f32 = 1e-5;

/// Measures the STFT distance of an estimate from its reference block by block.
pub type StftDistance = SpectralDistance<Magnitudes>;

/// Magnitudes and their logarithms.
#[derive(Debug)]
pub struct Magnitudes;

impl StftDistance {
    /// Creates a meter for signals of `channels` channels at any rate.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        Self::with_scales(channels, WINDOWS.map(|window| (window, Magnitudes)))
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
