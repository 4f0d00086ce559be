//! A decode compared with its original by SI-SDR, mel and STFT distance at once.

use super::{DistortionMeter, MelDistance, StftDistance};
use crate::{AudioError, Planar};

/// Distances of a decode from its original. Values for equal or silent signals may be infinite or NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// Result of [`DistortionMeter`].
    pub si_sdr_db: f64,
    /// Result of [`MelDistance`].
    pub mel_distance: f64,
    /// Result of [`StftDistance`].
    pub stft_distance: f64,
}

/// Compares a whole decode with its original, which arrives in blocks.
#[derive(Debug)]
pub struct ComparisonMeter<'a> {
    decoded: &'a Planar,
    distortion: DistortionMeter,
    mel: MelDistance,
    stft: StftDistance,
    position: usize,
}

impl<'a> ComparisonMeter<'a> {
    /// Starts a comparison with a decode at `rate_hz`.
    pub fn new(decoded: &'a Planar, rate_hz: u32) -> Self {
        Self {
            decoded,
            distortion: DistortionMeter::new(),
            mel: MelDistance::new(rate_hz, decoded.len()),
            stft: StftDistance::new(decoded.len()),
            position: 0,
        }
    }

    /// Adds the next block of the original, at the decode's rate. Samples beyond the decode's end are
    /// ignored, because rounding may make the lengths differ by a sample.
    ///
    /// # Errors
    /// When the two differ in channels.
    pub fn push(&mut self, original: &Planar) -> Result<(), AudioError> {
        let left = self.decoded.iter().map(|channel| channel.len().saturating_sub(self.position)).min();
        let samples = original.first().map_or(0, Vec::len).min(left.unwrap_or(0));
        let original: Vec<&[f32]> = original.iter().filter_map(|channel| channel.get(..samples)).collect();
        let range = self.position..self.position + samples;
        let decoded = self.decoded.iter().filter_map(|channel| channel.get(range.clone()));
        let decoded: Vec<&[f32]> = decoded.collect();
        self.distortion.push(&original, &decoded)?;
        self.mel.push(&original, &decoded)?;
        self.stft.push(&original, &decoded)?;
        self.position += samples;
        Ok(())
    }

    /// Returns the distances of all that was pushed.
    pub fn finish(self) -> Comparison {
        Comparison {
            si_sdr_db: self.distortion.si_sdr_db(),
            mel_distance: self.mel.finish(),
            stft_distance: self.stft.finish(),
        }
    }
}
