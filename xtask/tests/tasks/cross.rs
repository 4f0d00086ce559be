//! Comparisons of results under emulation.

use xtask::cross::Results;
use xtask::tensors::Tensor;

fn results(codes: [u16; 4], audio: &[f32]) -> Results {
    Results { codes: Tensor { shape: [1, 2, 2], values: codes.to_vec() }, audio: audio.to_vec() }
}

#[test]
fn different_results_are_errors() {
    let expected = results([1, 2, 3, 4], &[0.5, -0.5]);
    results([1, 2, 3, 4], &[0.5, -0.5]).compare(&expected).unwrap();
    let assert_error = |codes, audio: &[f32], reason: &str| {
        let error = results(codes, audio).compare(&expected).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    };
    assert_error([1, 2, 3, 5], &[0.5, -0.5], "1 of 4 codes");
    assert_error([1, 2, 3, 4], &[0.5, -0.4], "differs by");
    assert_error([1, 2, 3, 4], &[0.5, f32::NAN], "differs by");
    assert_error([1, 2, 3, 4], &[0.5], "1 samples");
    let silent = || results([7; 4], &[0.0, 0.0]);
    assert!(silent().compare(&silent()).unwrap_err().to_string().contains("meaningless"));
}
