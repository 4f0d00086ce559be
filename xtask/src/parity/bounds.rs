//! Largest accepted differences of a device from the reference, explained in `docs/dev/numerics.md`.

use crate::compare::{AudioComparison, CodeComparison};

/// Differences measured on one device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// Relative error of z in frames with equal codes; elsewhere z differs by a codebook entry.
    pub(crate) z_relative_rms: f64,
    pub(crate) codes: CodeComparison,
    /// Decoded from the reference's codes.
    pub(crate) audio: AudioComparison,
    /// Numbers of threads with other files; only the device `cpu` is tested.
    pub(crate) differing_threads: Vec<usize>,
}

/// Bounds of one device; codes that follow a tie count as equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) z_relative_rms: Option<f64>,
    /// Smallest share of equal codes.
    pub(crate) equal_codes: f64,
    pub(crate) audio_max_abs: f64,
    pub(crate) audio_snr_db: Option<f64>,
}

impl Bounds {
    /// Returns the bounds of a device: the engine uses Winograd convolution, burn's CPU backends sum
    /// directly, and GPUs choose their own order and instructions.
    pub(crate) fn of(device: &str) -> Self {
        let (z_relative_rms, equal_codes, audio_max_abs, audio_snr_db) = match device.split(':').next() {
            Some("cpu") => (None, 0.999, 5e-5, Some(95.0)),
            Some("flex" | "ndarray") => (Some(1e-5), 0.9995, 2e-5, None),
            _ => (None, 0.9995, 1e-4, None),
        };
        Self { z_relative_rms, equal_codes, audio_max_abs, audio_snr_db }
    }

    /// Lists the values that are out of bounds.
    pub(crate) fn check(&self, measured: &Measured) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Difference;

    fn measured(margin: f32) -> Measured {
        let difference = Difference { frame: 0, codebook: 1, found: 1, expected: 2, margin, codes: 8 };
        Measured {
            z_relative_rms: 1e-6,
            codes: CodeComparison { total: 900, differences: vec![difference] },
            audio: AudioComparison { max_abs: 1e-6, snr_db: 110.0 },
            differing_threads: Vec::new(),
        }
    }

    #[test]
    fn each_value_is_checked_against_its_bound() {
        assert_eq!(Bounds::of("flex").check(&measured(1e-6)), [""; 0]);
        assert_eq!(Bounds::of("flex").check(&measured(1e-4)).len(), 1);
        let mut worse = measured(1e-6);
        worse.z_relative_rms = 2e-5;
        worse.audio = AudioComparison { max_abs: 3e-5, snr_db: 90.0 };
        assert_eq!(Bounds::of("flex").check(&worse).len(), 2);
        assert_eq!(Bounds::of("ndarray"), Bounds::of("flex"));
        let engine = Bounds::of("cpu").check(&worse);
        assert!(engine.len() == 1 && engine[0].contains("SNR"), "{engine:?}");
        worse.audio.max_abs = 2e-4;
        assert_eq!(Bounds::of("wgpu:0").check(&worse).len(), 1);
    }
}
