//! Construction, layouts and joins of codes.

use dac_rvq::{Codes, CodesError};

fn sample() -> Codes {
    Codes::new((0..12).collect(), [2, 3, 2]).unwrap()
}

#[test]
fn codes_out_of_range_are_reported_with_their_position() {
    assert!(sample().check_range(12).is_ok());
    let error = sample().check_range(9).unwrap_err();
    assert_eq!(error, CodesError::OutOfRange { channel: 1, codebook: 1, frame: 1, found: 9, size: Some(9) });
    let error = Codes::from_i64(&[0, -1], [1, 1, 2]).unwrap_err();
    assert!(error.to_string().contains("which is negative"), "{error}");
    let error = Codes::from_i64(&[0, 65536], [1, 1, 2]).unwrap_err();
    assert!(error.to_string().contains("below the model's codebook size"), "{error}");
    let error = error.with_codebook_size(1024);
    assert!(error.to_string().contains("below 1024"), "{error}");
}

#[test]
fn truncate_keeps_the_first_codebooks_of_every_channel() {
    let truncated = sample().truncate(2).unwrap();
    assert_eq!(truncated.shape(), [2, 2, 2]);
    assert_eq!(truncated.as_slice(), [0, 1, 2, 3, 6, 7, 8, 9]);
    assert!(sample().truncate(4).is_err());
    assert!(sample().truncate(0).is_err());
}

#[test]
fn slices_concatenate_to_the_whole() {
    let whole = sample();
    let parts = [whole.slice_frames(0..1), whole.slice_frames(1..9)];
    assert_eq!(Codes::concat_frames(&parts).unwrap(), whole);
    let stacked = Codes::stack_channels(&[whole.clone(), whole.clone()]).unwrap();
    assert_eq!(stacked.shape(), [4, 3, 2]);
    let transposed = Codes::new(whole.as_slice().to_vec(), [2, 2, 3]).unwrap();
    assert!(Codes::stack_channels(&[whole.clone(), transposed]).is_err());
    assert!(Codes::concat_frames(&[whole.clone(), whole.truncate(1).unwrap()]).is_err());
}

#[test]
fn rows_round_trip() {
    let rows = [1, 2, 3, 4, 5, 6];
    let codes = Codes::from_rows(&rows, 3).unwrap();
    assert_eq!(codes.as_slice(), [1, 4, 2, 5, 3, 6]);
    assert_eq!(codes.to_rows(0), rows);
    let both = Codes::stack_channels(&[codes.clone(), codes.clone()]).unwrap();
    assert_eq!((both.shape(), both.to_rows(1)), ([2, 3, 2], rows.to_vec()));
}
