//! Records as JSON.

use std::path::Path;

use dac_batch::{Record, Roundtrip, Status};

#[test]
fn every_key_is_written_in_order_even_if_unknown() {
    let record = Record { status: Status::Error, ..Record::new(Path::new("a.wav")) };
    let text = serde_json::to_string(&record).unwrap();
    let keys = "input key output pack model weights_sha256 settings input_bytes input_modified_s \
                input_sha256 input_samples input_rate_hz input_truncated \
               damaged_samples input_warning channels frames codebooks \
                audio_seconds elapsed_seconds finished_s output_bytes output_sha256 status error";
    let value = |key| match key {
        "input" => "\"a.wav\"",
        "elapsed_seconds" => "0.0",
        "status" => "\"error\"",
        _ => "null",
    };
    let pairs: Vec<_> = keys.split_whitespace().map(|key| format!("\"{key}\":{}", value(key))).collect();
    assert_eq!(text, format!("{{{}}}", pairs.join(",")));
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
}

#[test]
fn roundtrip_keys_are_read_back_and_unknown_keys_ignored() {
    let roundtrip = Roundtrip {
        decoded: "a.wav".to_owned(),
        si_sdr_db: None,
        mel_distance: Some(0.5),
        stft_distance: None,
        token_bytes: 1,
        decoded_bytes: 2,
        decoded_sha256: Some("0".repeat(64)),
        nominal_kbps: 7.75,
        file_kbps: Some(8.0),
    };
    let record = Record { roundtrip: Some(Box::new(roundtrip)), ..Record::new(Path::new("a")) };
    let mut value = serde_json::to_value(&record).unwrap();
    value["key_of_a_later_version"] = 1.into();
    assert_eq!(serde_json::from_value::<Record>(value).unwrap(), record);
}

#[test]
fn records_stay_small_because_an_index_holds_millions() {
    assert!(size_of::<Record>() <= 368, "{}", size_of::<Record>());
}
