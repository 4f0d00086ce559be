//! Distances between decoded and original audio.

use std::path::Path;

use dac::audio::{AudioReader, ModelRateReader, Planar};
use dac::metrics::{DistortionMeter, MelDistance, StftDistance};
use dac::{Audio, EncodeOptions};

use crate::error::BatchError;

/// Distances between decoded and original audio; infinite or NaN for equal or silent signals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Scale-invariant signal-to-distortion ratio, in dB.
    pub si_sdr_db: f64,
    /// Mel distance, as defined by the reference codec.
    pub mel_distance: f64,
    /// STFT distance, as defined by the reference codec.
    pub stft_distance: f64,
}

impl Comparison {
    /// Compares decoded audio with the original file, mixed and resampled as for encoding with `options`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn with_file(input: &Path, options: &EncodeOptions, decoded: &Audio) -> Result<Self, BatchError> {
        let reader = AudioReader::open(input)?.with_non_finite(options.non_finite);
        let mut reader = ModelRateReader::new(reader, options.channels, decoded.rate_hz)?;
        let mut meters = Meters::new(decoded);
        while let Some(block) = reader.next_block()? {
            meters.push(&block)?;
        }
        Ok(meters.finish())
    }

    /// Compares decoded audio with the original as it was encoded: mixed and at the same rate.
    ///
    /// # Errors
    /// When the two differ in channels.
    pub fn with_original(original: &Planar, decoded: &Audio) -> Result<Self, BatchError> {
        let mut meters = Meters::new(decoded);
        meters.push(original)?;
        Ok(meters.finish())
    }
}

/// Meters of all distances.
struct Meters<'a> {
    decoded: &'a Audio,
    distortion: DistortionMeter,
    mel: MelDistance,
    stft: StftDistance,
    position: usize,
}

impl<'a> Meters<'a> {
    fn new(decoded: &'a Audio) -> Self {
        let channels = decoded.channels.len();
        Self {
            decoded,
            distortion: DistortionMeter::new(),
            mel: MelDistance::new(decoded.rate_hz, channels),
            stft: StftDistance::new(channels),
            position: 0,
        }
    }

    /// Adds the next block of the original, at the rate of the decoded audio.
    fn push(&mut self, original: &Planar) -> Result<(), BatchError> {
        let samples = original.first().map_or(0, Vec::len);
        // Rounding can make the lengths differ by one sample.
        let left = self.decoded.channels.iter().map(|plane| plane.len().saturating_sub(self.position)).min();
        let samples = samples.min(left.unwrap_or(0));
        let original: Vec<&[f32]> = original.iter().filter_map(|plane| plane.get(..samples)).collect();
        let range = self.position..self.position + samples;
        let estimate = self.decoded.channels.iter().filter_map(|plane| plane.get(range.clone()));
        let estimate: Vec<&[f32]> = estimate.collect();
        self.distortion.push(&original, &estimate)?;
        self.mel.push(&original, &estimate)?;
        self.stft.push(&original, &estimate)?;
        self.position += samples;
        Ok(())
    }

    fn finish(self) -> Comparison {
        Comparison {
            si_sdr_db: self.distortion.si_sdr_db(),
            mel_distance: self.mel.finish(),
            stft_distance: self.stft.finish(),
        }
    }
}
