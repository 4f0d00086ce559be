//! SI-SDR and SNR from running sums.

use crate::AudioError;
use crate::check::check_pair;

/// Compares an estimate with its reference block by block. Several channels count as one long signal, as in
/// the reference codec's `SISDRLoss`.
#[derive(Debug, Clone, Default)]
pub struct DistortionMeter {
    samples: u64,
    reference: f64,
    reference_squared: f64,
    difference: f64,
    difference_squared: f64,
    reference_difference: f64,
    largest_difference: f64,
}

impl DistortionMeter {
    /// Creates an empty meter.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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
        check_pair(reference, estimate, reference.len())?;
        for (reference, estimate) in reference.iter().zip(estimate) {
            for (&reference, &estimate) in reference.as_ref().iter().zip(estimate.as_ref()) {
                let r = f64::from(reference);
                let d = f64::from(estimate) - r;
                self.samples += 1;
                self.reference += r;
                self.reference_squared += r * r;
                self.difference += d;
                self.difference_squared += d * d;
                self.reference_difference += r * d;
                self.largest_difference = self.largest_difference.max(d.abs());
            }
        }
        Ok(())
    }

    /// Number of samples compared, over all channels.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., "SDR – half-baked or well done?",
    /// 2019) after removing the mean of both signals: the projection of the estimate onto the reference
    /// relative to the rest. Infinite for a perfect (scaled) copy; NaN if the reference is constant.
    #[must_use]
    pub fn si_sdr_db(&self) -> f64 {
        let n = (self.samples as f64).max(1.0);
        let rr = self.reference_squared - self.reference * self.reference / n;
        let rd = self.reference_difference - self.reference * self.difference / n;
        let dd = self.difference_squared - self.difference * self.difference / n;
        // estimate = (1 + rd/rr) · reference + rest. Sums of the difference are exact for close copies too.
        let scale = 1.0 + rd / rr;
        10.0 * (scale * scale * rr / (dd - rd * rd / rr).max(0.0)).log10()
    }

    /// Signal-to-noise ratio in dB: the reference relative to the difference. Infinite for equal signals; NaN
    /// if both are silent.
    #[must_use]
    pub fn snr_db(&self) -> f64 {
        10.0 * (self.reference_squared / self.difference_squared).log10()
    }

    /// Largest absolute difference of two samples.
    #[must_use]
    pub fn largest_difference(&self) -> f64 {
        self.largest_difference
    }
}
