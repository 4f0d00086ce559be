//! Shards of Lhotse Shar: their files, and reading them again.

mod common;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use common::{codes, meta, names, tar_members};
use dac_dataset::{
    Content, Member, PackError, PackKind, PackLimits, PackNaming, PackWriter, Passed, Row, SampleKey, Source,
    SourceKind, SourceOptions,
};
use dac_rvq::Array3;
use dac_tokens::{IntegerType, Layout, LayoutSettings, TokenFile, TokenReader};
use serde_json::{Map, Value, json};

fn writer(folder: &Path, layout: Option<Layout>) -> PackWriter {
    let kind = PackKind::Shar(IntegerType::I32);
    let writer = PackWriter::new(folder, kind, PackNaming::default(), PackLimits::default()).unwrap();
    writer.arranged(layout.map(LayoutSettings::new))
}

fn key(path: &str) -> SampleKey {
    SampleKey::of(Path::new(path)).unwrap()
}

fn fields(value: Value) -> Passed {
    let Value::Object(fields) = value else { panic!("{value}") };
    Passed::Fields(fields)
}

/// Writes these entries, of as many channels, to a shard. Returns its cuts.
fn write(folder: &Path, layout: Option<Layout>, entries: &[(&str, usize, Passed)]) -> Vec<Value> {
    let mut writer = writer(folder, layout);
    for (path, channels, passed) in entries {
        let tokens = TokenFile::of_codes(codes(*channels, 4, 25), meta());
        assert!(writer.add_row(&key(path), "in.wav", tokens, passed).unwrap().is_empty());
    }
    let shard = writer.finish().unwrap().unwrap().persist().unwrap();
    assert_eq!(shard.path, folder.join("codes.000000.tar"));
    assert_eq!(names(folder), ["codes.000000.tar", "cuts.000000.jsonl.gz"]);
    let mut text = String::new();
    let cuts = File::open(folder.join("cuts.000000.jsonl.gz")).unwrap();
    flate2::read::GzDecoder::new(cuts).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn rows(path: &Path) -> Vec<Row> {
    let (kind, _) = SourceKind::of_name(path).unwrap();
    assert_eq!(kind, SourceKind::Shar);
    let options = SourceOptions { extensions: vec!["npy"], reads_codes: true, ..SourceOptions::default() };
    Source::open(path, kind, &options).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn cuts_keep_their_fields_and_others_get_a_cut() {
    let folder = tempfile::tempdir().unwrap();
    let cut = json!({
        "id": "cut.1-0", "type": "MonoCut", "start": 1.5, "duration": 2.0, "channel": 0,
        "supervisions": [{ "id": "s", "text": "hello" }], "recording": { "id": "r" },
        "custom": { "snr": 3, "codes": "an old array" },
    });
    let member = |extension: &str, content: &str| Member {
        extension: extension.to_owned(),
        content: content.as_bytes().to_vec(),
    };
    let members = vec![member("json", r#"{"speaker": "x", "n": 1}"#), member("txt", "a text\n")];
    let line = json!({ "audio_filepath": "a.wav", "text": "of a manifest" });
    let found = write(
        folder.path(),
        None,
        &[
            ("cut.1-0", 1, fields(cut.clone())),
            ("x/take.2", 1, Passed::Members(members)),
            ("stereo", 2, Passed::Nothing),
            ("cut.1-0-s00001", 1, Passed::Piece(Box::new(fields(cut.clone())))),
            ("m-s00001", 1, Passed::Piece(Box::new(fields(line)))),
        ],
    );
    let metadata = found[0]["custom"]["dac"].clone();
    assert_eq!((&metadata["model"], &metadata["input_samples"]), (&json!("44khz"), &json!(96000)));
    let mut expected = cut.clone();
    expected["custom"] = json!({ "snr": 3, "dac": metadata });
    assert_eq!(found[0], expected);

    let [named, stereo, piece] = [1, 2, 3].map(|index| &found[index]);
    assert_eq!(
        (&named["id"], &named["type"], &named["start"]),
        (&json!("x/take.2"), &json!("MonoCut"), &json!(0))
    );
    assert_eq!((&named["duration"], &named["recording"]["duration"]), (&json!(2.0), &json!(2.0)));
    let recording = &named["recording"];
    assert_eq!((&recording["sampling_rate"], &recording["num_samples"]), (&json!(48000), &json!(96000)));
    assert_eq!(recording["sources"][0]["type"], "shar");
    let supervision = &named["supervisions"][0];
    assert_eq!((&supervision["text"], &supervision["speaker"]), (&json!("a text"), &json!("x")));
    assert_eq!((&named["custom"]["n"], &named["custom"]["txt"]), (&json!(1), &json!("a text")));
    assert_eq!((&stereo["type"], &stereo["channel"]), (&json!("MultiCut"), &json!([0, 1])));
    assert_eq!(stereo["supervisions"], json!([]));
    // The transcript of a cut is not that of a piece of it.
    assert_eq!((&piece["id"], &piece["supervisions"]), (&json!("cut.1-0-s00001"), &json!([])));
    assert_eq!(piece["custom"]["source_cut"]["supervisions"][0]["text"], "hello");
    assert_eq!((&piece["custom"]["snr"], &piece["start"]), (&json!(3), &json!(0)));
    assert_eq!(
        (&found[4]["supervisions"], &found[4]["custom"]["text"]),
        (&json!([]), &json!("of a manifest"))
    );
}

#[test]
fn arrays_have_manifests_of_their_shape() {
    for (layout, channels, shape, temporal_dim) in [
        (None, 1, json!([4, 25]), json!(-1)),
        (None, 2, json!([2, 4, 25]), json!(-1)),
        (Some(Layout::Frames), 1, json!([25, 4]), json!(-2)),
        (Some(Layout::Flat), 1, json!([1, 100]), Value::Null),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let cut = json!({ "id": "a.b", "type": "MonoCut", "start": 1.5 });
        write(folder.path(), layout, &[("a.b", channels, fields(cut))]);
        let members = tar_members(&folder.path().join("codes.000000.tar"));
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.b.npy", "a.b.json"]);
        let shape_text = shape.to_string().replace(',', ", ").replace('[', "(").replace(']', ")");
        let header = String::from_utf8_lossy(&members[0].1[..128]).into_owned();
        assert!(header.contains("'<i4'") && header.contains(&shape_text), "{header}");
        let manifest: Value = serde_json::from_slice(&members[1].1).unwrap();
        let array = json!({ "storage_type": "shar", "storage_path": "", "storage_key": "", "shape": shape });
        if temporal_dim.is_null() {
            assert_eq!(manifest, array);
        } else {
            assert!((manifest["frame_shift"].as_f64().unwrap() - 512.0 / 44100.0).abs() < 1e-12);
            assert_eq!((&manifest["array"], &manifest["start"]), (&array, &json!(1.5)));
            assert_eq!(manifest["temporal_dim"], temporal_dim);
        }
    }
}

#[test]
fn codes_and_their_metadata_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let cut = json!({ "id": "cut.1-0", "type": "MonoCut" });
    let entries =
        [("cut.1-0", 1, fields(cut)), ("x/take.2", 2, Passed::Nothing), ("100% \u{fc}", 1, Passed::Nothing)];
    write(folder.path(), None, &entries);
    for name in ["cuts.000000.jsonl.gz", "codes.000000.tar"] {
        let rows = rows(&folder.path().join(name));
        let keys: Vec<_> = rows.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["cut.1-0", "x/take.2", "100% \u{fc}"]);
        for (row, channels) in rows.iter().zip([1, 2, 1]) {
            let Content::Bytes { blob, .. } = &row.content else { panic!() };
            let tokens = TokenReader::open(blob.open()).unwrap().read_all().unwrap();
            assert_eq!(tokens.codes, Some(codes(channels, 4, 25)));
            let found = row.passed.token_meta();
            assert_eq!((found.model, found.input_samples), (meta().model, meta().input_samples));
        }
    }
    let in_dir = |name: &str| SourceKind::is_in_directory(&folder.path().join(name));
    assert!(in_dir("cuts.000000.jsonl.gz") && !in_dir("codes.000000.tar"));
    let audio = SourceOptions { extensions: vec!["wav"], ..SourceOptions::default() };
    let error = Source::open(&folder.path().join("cuts.000000.jsonl.gz"), SourceKind::Shar, &audio);
    assert!(error.err().unwrap().to_string().contains("no recording.N.tar"));
}

#[test]
fn only_codes_are_stored_and_cuts_are_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut latents = TokenFile::of_codes(codes(1, 4, 25), meta());
    latents.z = Some(Array3::new(vec![0.0; 25], [1, 1, 25]).unwrap());
    let error = writer(folder.path(), None).add(&key("a"), "a.wav", latents).unwrap_err();
    assert!(matches!(error, PackError::NotCodes { kind: "Shar", .. }), "{error}");

    let cuts = folder.path().join("cuts.000000.jsonl.gz");
    std::fs::write(&cuts, b"of another program").unwrap();
    let mut writer = writer(folder.path(), None);
    writer.add(&key("a"), "a.wav", TokenFile::of_codes(codes(1, 4, 25), meta())).unwrap();
    assert!(writer.finish().unwrap().unwrap().persist_new().is_err());
    assert_eq!(std::fs::read(&cuts).unwrap(), b"of another program");
    assert_eq!(names(folder.path()), ["cuts.000000.jsonl.gz"]);
}

#[test]
fn equal_entries_give_equal_bytes() {
    let shards = [(); 2].map(|()| {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), None, &[("a", 1, Passed::Fields(Map::new())), ("b", 1, Passed::Nothing)]);
        names(folder.path())
            .iter()
            .map(|name| std::fs::read(folder.path().join(name)).unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(shards[0], shards[1]);
}
