//! Mel distance: the training loss `MelSpectrogramLoss` of the reference codec, as configured for all its
//! models.
//!
//! For each window length, mel magnitudes of both signals (Hann window, hop of a quarter window, centred
//! frames with reflected ends, Slaney's mel scale and area normalisation as in librosa, power 1) are clamped
//! to at least 1e-5. The distance is the mean absolute difference of their `log10`, summed over the window
//! lengths.

use super::spectral::{Measure, SpectralDistance};

/// Window length in samples and number of mel bands of each scale.
const SCALES: [(usize, usize); 7] =
    [(32, 5), (64, 10), (128, 20), (256, 40), (512, 80), (1_024, 160), (2_048, 320)];
/// Smallest magnitude.
const FLOOR: f32 = 1e-5;

/// Measures the mel distance of an estimate from its reference block by block.
pub type MelDistance = SpectralDistance<MelBands>;

/// First bin and non-zero weights of each band.
#[derive(Debug)]
pub struct MelBands(Vec<(usize, Vec<f32>)>);

impl MelDistance {
    /// Creates a meter for signals of `channels` channels at `rate_hz`.
    #[must_use]
    pub fn new(rate_hz: u32, channels: usize) -> Self {
        let scale = |(window, bands)| (window, MelBands(mel_bands(f64::from(rate_hz), window, bands)));
        Self::with_scales(channels, SCALES.map(scale))
    }
}

impl Measure for MelBands {
    fn differences(&self, reference: &[f32], estimate: &[f32], mut add: impl FnMut(f32)) {
        let mel_log10 = |magnitudes: &[f32], (first, weights): &(usize, Vec<f32>)| {
            let bins = magnitudes.get(*first..).unwrap_or_default();
            weights.iter().zip(bins).map(|(weight, bin)| weight * bin).sum::<f32>().max(FLOOR).log10()
        };
        for band in &self.0 {
            add((mel_log10(reference, band) - mel_log10(estimate, band)).abs());
        }
    }
}

/// Computes triangles on Slaney's mel scale from 0 Hz to half the rate, each of unit area in Hz (librosa's
/// `filters.mel`).
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

/// Slaney's mel scale: linear to 1 kHz (15 mel), then logarithmic, 27 mel for a factor of 6.4.
fn mel_of_hz(hz: f64) -> f64 {
    if hz < 1000.0 { hz * 3.0 / 200.0 } else { 15.0 + 27.0 * (hz / 1000.0).ln() / 6.4_f64.ln() }
}

fn hz_of_mel(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}
