//! Bounds of the differences from the reference.

use xtask::compare::{AudioComparison, CodeComparison, Difference};
use xtask::parity::bounds::{Bounds, Measured};

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
