//! How far a decode is from its original, in the figures of the codec's authors.

use std::path::Path;

use anyhow::Error;
use dac::audio::{AudioReader, ModelRateReader, Planar};
use dac::metrics::{DistortionMeter, MelDistance, StftDistance};
use dac::{Audio, EncodeOptions};

/// The figures; what is not finite (of equal or silent signals) is for the reader to judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) si_sdr_db: f64,
    pub(crate) mel_distance: f64,
    pub(crate) stft_distance: f64,
}

impl Comparison {
    /// Compares a decode with the original file, which is mixed and resampled as the encoder did it.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub(crate) fn with_file(input: &Path, options: &EncodeOptions, decoded: &Audio) -> Result<Self, Error> {
        let reader = AudioReader::open(input)?.with_non_finite(options.non_finite);
        let mut reader = ModelRateReader::new(reader, options.channels, decoded.rate_hz)?;
        let mut meters = Meters::new(decoded);
        while let Some(block) = reader.next_block()? {
            meters.push(&block)?;
        }
        Ok(meters.finish())
    }

    /// Compares a decode with the original as it was coded.
    ///
    /// # Errors
    /// When the two differ in channels.
    pub(crate) fn with_original(original: &Planar, decoded: &Audio) -> Result<Self, Error> {
        let mut meters = Meters::new(decoded);
        meters.push(original)?;
        Ok(meters.finish())
    }
}

/// All meters, at work.
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

    /// Takes the next block of the original, at the decode's rate.
    fn push(&mut self, original: &Planar) -> Result<(), Error> {
        let samples = original.first().map_or(0, Vec::len);
        // Rounding may make the two lengths differ by a sample.
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
