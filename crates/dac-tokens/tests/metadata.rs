//! Metadata as JSON and as text, and values derived from it.

mod common;

use std::io::Cursor;

use common::codes;
use dac_tokens::{Format, TokenError, TokenFile, TokenMeta, TokenReader, WriteOptions};

fn full() -> TokenMeta {
    let mut meta = TokenMeta::default();
    meta.model = Some("44khz".into());
    meta.weights_sha256 = Some("ab".repeat(32));
    meta.model_rate_hz = Some(44100);
    meta.input_rate_hz = Some(48000);
    meta.input_samples = Some(1 << 50);
    meta.codebook_size = Some(1024);
    meta.hop_samples = Some(512);
    meta.replaced_samples = Some(3);
    meta.input_truncated = Some(true);
    meta.input_db = Some(-23.456_789);
    meta.chunk_frames = Some(87);
    meta.padding = Some(false);
    meta
}

#[test]
fn json_contains_every_field_and_round_trips() {
    let names: Vec<_> = full().fields().map(|field| field.name).collect();
    for meta in [full(), TokenMeta::default()] {
        let json = serde_json::to_value(&meta).unwrap();
        assert!(names.iter().all(|name| json.get(name).is_some()), "{json}");
        assert_eq!(json.as_object().unwrap().len(), names.len());
        for field in meta.fields() {
            assert_eq!(serde_json::to_value(field.value).unwrap(), json[field.name]);
        }
        assert_eq!(serde_json::from_value::<TokenMeta>(json).unwrap(), meta);
    }
    assert_eq!(serde_json::from_str::<TokenMeta>("{\"other\": 1}").unwrap(), TokenMeta::default());
}

#[test]
fn a_duration_needs_length_and_rate() {
    let mut meta = TokenMeta::default();
    meta.input_samples = Some(22050);
    assert_eq!(meta.audio_seconds(), None);
    meta.input_rate_hz = Some(0);
    assert_eq!(meta.audio_seconds(), None);
    meta.input_rate_hz = Some(44100);
    assert_eq!(meta.audio_seconds(), Some(0.5));
}

#[test]
fn every_field_round_trips_as_text() {
    let mut file = Vec::new();
    let tokens = TokenFile::of_codes(codes(1, 9, 4), full());
    tokens.write_to(&mut file, Format::Safetensors, &WriteOptions::default()).unwrap();
    assert_eq!(TokenReader::open(Cursor::new(&file)).unwrap().info().meta, full());
    // The same file with other texts of equal length.
    let edited = |from: &str, to: &str| {
        let mut file = file.clone();
        let at = file.windows(from.len()).position(|text| text == from.as_bytes()).unwrap();
        file[at..at + from.len()].copy_from_slice(to.as_bytes());
        TokenReader::open(Cursor::new(file)).map(|reader| reader.info().meta.clone())
    };
    let negative = edited(r#""hop_samples":"512""#, r#""hop_samples":"-12""#).unwrap_err();
    assert!(matches!(negative, TokenError::Malformed { .. }), "{negative}");
    assert!(negative.to_string().contains(r#"hop_samples = "-12""#), "{negative}");
    assert_eq!(edited("hop_samples", "hop_unknown").unwrap().hop_samples, None);
}
