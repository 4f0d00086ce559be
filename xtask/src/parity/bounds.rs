//! How far a device may be from the reference. `docs/numerics.md` says why.

use crate::compare::{AudioComparison, CodeComparison};

/// What was measured on one device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// Over the frames whose codes are equal: where they differ, z differs by a codebook's entry.
    pub(crate) z_relative_rms: f64,
    pub(crate) codes: CodeComparison,
    /// Decoded from the reference's own codes.
    pub(crate) audio: AudioComparison,
    /// Numbers of threads that give other files; where it was looked at.
    pub(crate) differing_threads: Option<Vec<usize>>,
}

/// The bounds of one device; ties are excused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) z_relative_rms: Option<f64>,
    /// Least share of equal codes.
    pub(crate) equal_codes: f64,
    pub(crate) audio_max_abs: f64,
    pub(crate) audio_snr_db: Option<f64>,
}

impl Bounds {
    /// The engine filters minimally, burn's CPU backends sum directly, GPUs choose their own order and instructions.
    pub(crate) fn of(device: &str) -> Self {
        match device.split(':').next() {
            Some("cpu") => Self {
                z_relative_rms: None,
                equal_codes: 0.999,
                audio_max_abs: 5e-5,
                audio_snr_db: Some(95.0),
            },
            Some("flex" | "ndarray") => Self {
                z_relative_rms: Some(1e-5),
                equal_codes: 0.9995,
                audio_max_abs: 2e-5,
                audio_snr_db: None,
            },
            _ => Self { z_relative_rms: None, equal_codes: 0.9995, audio_max_abs: 1e-4, audio_snr_db: None },
        }
    }

    /// What is out of bounds.
    pub(crate) fn check(&self, found: &Found) -> Vec<String> {
        let mut outside = Vec::new();
        if let Some(bound) = self.z_relative_rms.filter(|bound| found.z_relative_rms > *bound) {
            outside.push(format!("z relative rms {:.2e} over {bound:.0e}", found.z_relative_rms));
        }
        let equal = found.codes.excused_share();
        if equal < self.equal_codes {
            outside.push(format!(
                "{:.4} % of the codes equal, under {} %",
                100.0 * equal,
                100.0 * self.equal_codes
            ));
        }
        if found.audio.max_abs > self.audio_max_abs {
            outside
                .push(format!("audio max abs {:.2e} over {:.0e}", found.audio.max_abs, self.audio_max_abs));
        }
        if let Some(bound) = self.audio_snr_db.filter(|bound| found.audio.snr_db < *bound) {
            outside.push(format!("audio SNR {:.1} dB under {bound} dB", found.audio.snr_db));
        }
        outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Difference;

    fn found(margin: f32) -> Found {
        let difference = Difference { frame: 0, codebook: 1, found: 1, expected: 2, margin, codes: 8 };
        Found {
            z_relative_rms: 1e-6,
            codes: CodeComparison { total: 900, differences: vec![difference] },
            audio: AudioComparison { max_abs: 1e-6, snr_db: 110.0 },
            differing_threads: None,
        }
    }

    #[test]
    fn each_figure_has_its_bound() {
        assert_eq!(Bounds::of("flex").check(&found(1e-6)), [""; 0]);
        assert_eq!(Bounds::of("flex").check(&found(1e-4)).len(), 1);
        let mut worse = found(1e-6);
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
