//! Settings in the `config.json` next to a checkpoint.

use std::fs;
use std::path::Path;

use dac_model::checkpoint::ConfigJson;

fn read(text: &str) -> ConfigJson {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), text).unwrap();
    ConfigJson::next_to(&folder.path().join("model.safetensors"))
}

#[test]
fn settings_of_the_wrapper_are_read() {
    let config = read(
        r#"{"model_type_by_sampling_freq": {"44100": "44khz"}, "encoding_chunk_size_in_sec": 2,
            "decoding_chunk_rate": 0.25, "decoding_overlap_rate": 0.0}"#,
    );
    let config = config.check().unwrap();
    assert_eq!(config.encoding_chunk_seconds, Some(2.0));
    assert_eq!((config.decoding_chunk_rate, config.decoding_overlap_rate), (Some(0.25), Some(0.0)));
    assert_eq!(config.sampling_rate_hz, None);
}

#[test]
fn the_sampling_rate_of_transformers_is_read() {
    let mut expected = ConfigJson::default();
    expected.sampling_rate_hz = Some(44100);
    assert_eq!(read(r#"{"sampling_rate": 44100}"#).check(), Ok(expected));
}

#[test]
fn a_missing_file_has_no_settings() {
    let config = ConfigJson::next_to(Path::new("nowhere/model.safetensors"));
    assert_eq!(config.check(), Ok(ConfigJson::default()));
}

#[test]
fn invalid_files_and_values_are_reported_by_check() {
    for (text, reason) in [
        ("", "EOF"),
        ("[]", "expected a JSON object"),
        (r#"{"decoding_chunk_rate": 2}"#, "decoding_chunk_rate is 2, expected a number from 0 to 1"),
        (r#"{"encoding_chunk_size_in_sec": 0}"#, "encoding_chunk_size_in_sec is 0, expected"),
        (r#"{"decoding_overlap_rate": "x"}"#, r#"decoding_overlap_rate is "x", expected"#),
    ] {
        let error = read(text).check().unwrap_err().to_string();
        assert!(error.contains("config.json: ") && error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn valid_values_are_kept_next_to_invalid_ones() {
    let config = read(r#"{"sampling_rate": 24000, "decoding_overlap_rate": "x"}"#);
    assert_eq!((config.sampling_rate_hz, config.decoding_overlap_rate), (Some(24000), None));
}
