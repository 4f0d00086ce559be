//! Records of jobs, their keys, and appending them to a manifest.

use std::path::Path;

use dac_batch::{ManifestIndex, ManifestWriter, Record, Roundtrip, Status, output_key};

#[test]
fn keys_are_the_same_on_every_system() {
    assert_eq!(output_key(Path::new("./speaker 1/é.v2.dac")), "speaker 1/é.v2.dac");
    assert_eq!(output_key(Path::new("../a//b.dac")), "a/b.dac");
    assert_eq!(output_key(Path::new("100%/a%FF.dac")), "100%25/a%25FF.dac");
    assert_eq!(output_key(Path::new("")), "");
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_have_different_keys() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let key = |name: &[u8]| output_key(Path::new(OsStr::from_bytes(name)));
    assert_eq!(key(b"x/a\xff.dac"), "x/a%FF.dac");
    assert_eq!(key(b"x/a\xfe.dac"), "x/a%FE.dac");
    // Half of a two-byte character.
    assert_eq!(key(b"\xc3/\xc3\xa9"), "%C3/é");
}

#[test]
fn every_key_is_written_in_order_even_if_unknown() {
    let record = Record { status: Status::Error, ..Record::new(Path::new("a.wav")) };
    let text = serde_json::to_string(&record).unwrap();
    let keys = "input key output pack model weights_sha256 settings input_bytes input_modified_s \
                input_sha256 input_samples input_rate_hz input_truncated channels frames codebooks \
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

fn record(key: &str) -> Record {
    Record { key: Some(key.into()), output_sha256: Some("0".repeat(64).into()), ..Record::default() }
}

#[test]
fn a_truncated_line_does_not_affect_other_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.jsonl");
    ManifestWriter::open(&path).unwrap().append([&record("a")]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, [&whole, &whole[..length]].concat()).unwrap();
        ManifestWriter::open(&path).unwrap().append([&record("b")]).unwrap();
        let mut index = ManifestIndex::default();
        index.read(&path).unwrap();
        assert!(index.contains_key("a") && index.contains_key("b"), "{length}");
        // A complete line without its line feed is a valid record.
        let malformed = usize::from(length > 0 && length < whole.len() - 1);
        assert_eq!(index.malformed_lines(), malformed, "{length}");
    }
}

#[test]
fn several_writers_can_append_to_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.jsonl");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let mut file = ManifestWriter::open(path).unwrap();
                for n in 0..25 {
                    file.append([&record(&format!("{writer}-{n}")), &record(&format!("{writer}-{n}b"))])
                        .unwrap();
                }
            });
        }
    });
    let mut index = ManifestIndex::default();
    index.read(&path).unwrap();
    assert_eq!((index.len(), index.malformed_lines()), (200, 0));
}
