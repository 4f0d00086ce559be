//! Comparisons with the reference.

use xtask::compare::{AudioComparison, CodeComparison, relative_rms};
use xtask::tensors::Tensor;

fn codes(values: &[u16]) -> Tensor<u16> {
    Tensor { shape: [1, 3, 2], values: values.to_vec() }
}

#[test]
fn a_tie_excuses_later_codebooks_of_its_frame_only() {
    let expected = codes(&[1, 2, 3, 4, 5, 6]);
    let mut margins = Tensor { shape: [1, 3, 2], values: vec![1.0; 6] };
    margins.values[2] = 1e-6;
    // Frame 0 differs from codebook 1 on, frame 1 only in codebook 2.
    let found = codes(&[1, 2, 9, 4, 9, 9]);
    let comparison = CodeComparison::new(&found, &expected, &margins).unwrap();
    assert_eq!(comparison.differences.len(), 2);
    assert!(comparison.differences[0].is_tie() && !comparison.differences[1].is_tie());
    assert_eq!((comparison.differences[0].codebook, comparison.differences[0].codes), (1, 2));
    assert!((comparison.equal_share() - 0.5).abs() < 1e-12);
    assert!((comparison.excused_share() - 5.0 / 6.0).abs() < 1e-12);
    assert_eq!(comparison.equal_frames(2), [false, false]);
    // A tie in a later codebook does not excuse the first one.
    margins.values.swap(2, 4);
    let comparison = CodeComparison::new(&found, &expected, &margins).unwrap();
    assert!(!comparison.differences[0].is_tie());
    assert!(CodeComparison::new(&Tensor { shape: [1, 2, 3], ..found }, &expected, &margins).is_err());
}

#[test]
fn rms_includes_only_marked_frames() {
    let expected = Tensor { shape: [1, 2, 2], values: vec![1.0, 5.0, 1.0, 5.0] };
    let found = Tensor { shape: [1, 2, 2], values: vec![1.1, 0.0, 0.9, f32::NAN] };
    let first = relative_rms(&found, &expected, &[true, false]).unwrap();
    assert!((first - 0.1).abs() < 1e-6, "{first}");
    assert_eq!(relative_rms(&found, &expected, &[true, true]).unwrap(), f64::INFINITY);
    assert!(relative_rms(&found, &expected, &[true]).is_err());
}

#[test]
fn audio_may_be_longer_by_zeros_only() {
    let comparison = AudioComparison::new(&[0.5, 0.4, 0.0, 0.0], &[0.5, 0.5]).unwrap();
    assert!((comparison.max_abs - 0.1).abs() < 1e-6);
    assert!((comparison.snr_db - 10.0 * (0.5_f64 / 0.01).log10()).abs() < 1e-4);
    assert!(AudioComparison::new(&[0.5], &[0.5, 0.5]).is_err());
    assert!(AudioComparison::new(&[0.5, 0.5, 0.1], &[0.5, 0.5]).is_err());
    let broken = AudioComparison::new(&[f32::NAN, 0.5], &[0.5, 0.5]).unwrap();
    assert_eq!((broken.max_abs, broken.snr_db), (f64::INFINITY, f64::NEG_INFINITY));
    assert_eq!(AudioComparison::new(&[0.5], &[0.5]).unwrap().snr_db, f64::INFINITY);
}
