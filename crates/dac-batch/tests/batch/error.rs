//! Texts and causes of errors.

use std::io;
use std::path::PathBuf;

use dac::audio::AudioError;
use dac::tokens::TokenError;
use dac_batch::{BatchError, error_text, error_text_of_file, is_disk_full};
use dac_dataset::PackError;

#[test]
fn a_full_disk_is_detected_through_every_library() {
    let (full, path) = (|| io::Error::from(io::ErrorKind::StorageFull), PathBuf::from("a"));
    let tokens = TokenError::InFile { path: path.clone(), source: Box::new(TokenError::Io(full())) };
    let audio = AudioError::Write { path: path.clone(), source: full() };
    let pack = PackError::Shard { path: path.clone(), keys: Vec::new(), source: full() };
    for error in [
        BatchError::Write { path, source: full() },
        tokens.into(),
        TokenError::Io(full()).into(),
        audio.into(),
        pack.into(),
    ] {
        assert!(is_disk_full(&error), "{error:?}");
    }
    assert!(!is_disk_full(&BatchError::Job("no space left on device".to_owned())));
    assert!(!is_disk_full(&io::Error::from(io::ErrorKind::FileTooLarge)));
}

#[test]
fn causes_and_file_names_are_not_repeated() {
    let source = io::Error::other("no space");
    let error = BatchError::Write { path: "a".into(), source };
    assert_eq!(error_text(&error), "cannot write a: no space");
    assert_eq!(error_text_of_file("a.wav", "is empty"), "a.wav: is empty");
    assert_eq!(error_text_of_file("a.wav", "a.wav: is empty"), "a.wav: is empty");
    assert_eq!(error_text_of_file("a.wav", "cannot read a.wav: is empty"), "cannot read a.wav: is empty");
}
