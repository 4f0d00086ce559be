//! Largest accepted differences of a device from the reference, explained in `docs/dev/numerics.md`.

use crate::compare::{AudioComparison, CodeComparison};

/// Differences measured on one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Relative error of z in frames with equal codes; elsewhere z differs by a codebook entry.
    pub z_relative_rms: f64,
    pub codes: CodeComparison,
    /// Decoded from the reference's codes.
    pub audio: AudioComparison,
    /// Numbers of threads with other files; only the device `cpu` is tested.
    pub differing_threads: Vec<usize>,
}

/// Bounds of one device; codes that follow a tie count as equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    pub z_relative_rms: Option<f64>,
    /// Smallest share of equal codes.
    pub equal_codes: f64,
    pub audio_max_abs: f64,
    pub audio_snr_db: Option<f64>,
}

impl Bounds {
    /// Returns the bounds of a device: the engine uses Winograd convolution, burn's CPU backends sum
    /// directly, and GPUs choose their own order and instructions.
    pub fn of(device: &str) -> Self {
        let (z_relative_rms, equal_codes, audio_max_abs, audio_snr_db) = match device.split(':').next() {
            Some("cpu") => (None, 0.999, 5e-5, Some(95.0)),
            Some("flex" | "ndarray") => (Some(1e-5), 0.9995, 2e-5, None),
            _ => (None, 0.9995, 1e-4, None),
        };
        Self { z_relative_rms, equal_codes, audio_max_abs, audio_snr_db }
    }

    /// Lists the values that are out of bounds.
    pub fn check(&self, measured: &Measured) -> Vec<String> {
        let (z, equal) = (measured.z_relative_rms, measured.codes.excused_share());
        let AudioComparison { max_abs, snr_db } = measured.audio;
        let mut faults = Vec::new();
        if let Some(bound) = self.z_relative_rms.filter(|bound| z > *bound) {
            faults.push(format!("z relative rms {z:.2e} exceeds {bound:.0e}"));
        }
        if equal < self.equal_codes {
            let (equal, bound) = (100.0 * equal, 100.0 * self.equal_codes);
            faults.push(format!("{equal:.4} % of the codes equal, less than {bound} %"));
        }
        if max_abs > self.audio_max_abs {
            faults.push(format!("audio max abs {max_abs:.2e} exceeds {:.0e}", self.audio_max_abs));
        }
        if let Some(bound) = self.audio_snr_db.filter(|bound| snr_db < *bound) {
            faults.push(format!("audio SNR {snr_db:.1} dB is less than {bound} dB"));
        }
        faults
    }
}
