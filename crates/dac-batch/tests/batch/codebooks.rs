//! Limits for the number of codebooks.

use std::num::NonZeroUsize;

use dac::Preset;
use dac_batch::CodebookLimit;

fn by_bitrate(preset: Preset, kbps: f64) -> usize {
    CodebookLimit::Kbps(kbps).resolve(&preset.shape()).unwrap()
}

#[test]
fn a_bitrate_is_an_upper_limit_but_one_codebook_is_always_used() {
    for (kbps, count) in
        [(0.1, 1), (0.86, 1), (1.71, 1), (1.72, 2), (6.0, 6), (7.74, 8), (7.75, 9), (64.0, 9)]
    {
        assert_eq!(by_bitrate(Preset::Khz44, kbps), count, "{kbps}");
    }
    assert_eq!(by_bitrate(Preset::Khz44Kbps16, 15.5), 18);
    assert_eq!(by_bitrate(Preset::Khz24, 24.0), 32);
    assert_eq!(by_bitrate(Preset::Khz24, 0.75), 1);
    assert_eq!(by_bitrate(Preset::Khz16, 5.99), 11);
}

#[test]
fn more_codebooks_than_the_model_has_are_an_error() {
    let resolve = |count: usize| {
        CodebookLimit::Count(NonZeroUsize::new(count).unwrap()).resolve(&Preset::Khz16.shape())
    };
    assert_eq!(resolve(12).unwrap(), 12);
    let error = resolve(13).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("12 codebooks"), "{error}");
}
