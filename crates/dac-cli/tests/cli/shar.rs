//! `--pack shar`: Lhotse Shar in and out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use serde_json::{Value, json};

use crate::batch::{MANIFEST, kill, manifest};
use crate::data_sets::{members, statuses, tar, wav};
use crate::support::Lab;

/// Cuts of a file, by id.
fn cuts(lab: &Lab, name: &str) -> BTreeMap<String, Value> {
    let (bytes, mut text) = (lab.read(name), String::new());
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    let cut = |line| -> Value { serde_json::from_str(line).unwrap() };
    text.lines().map(cut).map(|cut| (cut["id"].as_str().unwrap().to_owned(), cut)).collect()
}

/// Writes a Shar directory with two pairs of files, of which the second has a member that is not audio.
fn shar(lab: &Lab) {
    for (shard, ids) in [("000000", ["cut.1-0", "cut.2-0"]), ("000001", ["bad", "cut.3-0"])] {
        let cut = |id: &str| {
            json!({
                "id": id, "type": "MonoCut", "start": 0, "duration": 0.1, "channel": 0,
                "supervisions": [{ "id": id, "text": format!("text of {id}") }], "custom": { "lang": "de" },
            })
        };
        let lines: String = ids.iter().map(|id| format!("{}\n", cut(id))).collect();
        lab.put(&format!("in/cuts.{shard}.jsonl"), lines.as_bytes());
        let audio = |id: &str| if id == "bad" { b"no audio".to_vec() } else { wav(lab, 2000) };
        let names = ids.map(|id| [format!("{id}.wav"), format!("{id}.json")]);
        let archive = ids
            .iter()
            .zip(&names)
            .flat_map(|(id, [wav, json])| [(wav.as_str(), audio(id)), (json.as_str(), b"{}".to_vec())]);
        tar(lab, &format!("in/recording.{shard}.tar"), &archive.collect::<Vec<_>>());
    }
}

#[test]
fn shar_gives_shar_of_the_same_numbers() {
    let lab = Lab::new();
    shar(&lab);
    let encode = "encode in --output out --model tiny --pack shar --keep-shards --json";
    let run = lab.dac(encode).expect(1);
    run.says("3 done, 0 skipped, 1 failed");
    let names = ["codes.000000.tar", "codes.000001.tar", "cuts.000000.jsonl.gz", "cuts.000001.jsonl.gz"];
    assert_eq!(lab.names("out/shar"), names);
    assert_eq!(lab.names("out"), ["shar"]);
    let found = cuts(&lab, "out/shar/cuts.000000.jsonl.gz");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["cut.1-0", "cut.2-0"]);
    let cut = &found["cut.1-0"];
    assert_eq!(
        (&cut["supervisions"][0]["text"], &cut["custom"]["lang"]),
        (&json!("text of cut.1-0"), &json!("de"))
    );
    assert_eq!(cut["custom"]["dac"]["model"], "tiny");
    let archive = members(&lab, "out/shar/codes.000000.tar");
    assert_eq!(archive.len(), 4);
    let records = manifest(&lab, &format!("out/{MANIFEST}"));
    assert_eq!(records["cut%2E1-0"]["pack"], "shar/codes.000000.tar");

    // Rows that failed are retried into shards whose names cannot be those of an input.
    let bad = wav(&lab, 1000);
    let (good, json) = (wav(&lab, 2000), b"{}".to_vec());
    let repaired =
        [("bad.wav", bad), ("bad.json", json.clone()), ("cut.3-0.wav", good), ("cut.3-0.json", json)];
    tar(&lab, "in/recording.000001.tar", &repaired);
    let before = lab.read("out/shar/codes.000001.tar");
    lab.dac(&format!("{encode} --retry-failed")).expect(0).says("1 done, 2 skipped");
    assert_eq!(lab.read("out/shar/codes.000001.tar"), before);
    let rest = cuts(&lab, "out/shar/cuts.rest-000000.jsonl.gz");
    assert_eq!(rest["bad"]["supervisions"][0]["text"], "text of bad");

    // A rerun skips complete shards; decode and info read them.
    let again = lab.dac(encode).expect(0);
    assert_eq!(statuses(&again).into_values().collect::<Vec<_>>(), ["skipped", "skipped"]);
    lab.dac("decode out/shar --output wavs --output-rate input").expect(0).says("4 done");
    assert_eq!(lab.names("wavs"), ["bad.wav", "cut.1-0.wav", "cut.2-0.wav", "cut.3-0.wav"]);
    assert_eq!(lab.wave_of("wavs/cut.3-0.wav").samples(), 2000);
    for name in ["cuts.000000.jsonl.gz", "codes.000000.tar"] {
        let info = lab.dac(&format!("info out/shar/{name} --json")).expect(0).records().remove(0);
        assert_eq!(
            (&info["kind"], &info["entries"], &info["model"]),
            (&json!("pack"), &json!(2), &json!("tiny"))
        );
    }
    lab.dac("encode out/shar --output other --model tiny").expect(1).says("no recording.N.tar");
    lab.dac("decode in --output other --model tiny").expect(1).says("no codes.N.tar");
}

#[test]
fn files_of_any_kind_give_shar_and_resume() {
    let lab = Lab::new();
    for (name, samples) in [("in/a.wav", 1500), ("in/x/take.2.wav", 2500), ("in/b.wav", 3000)] {
        lab.wav(name, 44100, samples, &[0.5]);
    }
    let encode = "encode in --output out --model tiny --pack shar --jobs 1 --json";
    lab.dac(&format!("{encode} --dry-run")).expect(0);
    assert!(!lab.path("out").exists());
    lab.dac(&format!("{encode} --pack-entries 2")).expect(0);
    let names = ["codes.000000.tar", "codes.000001.tar", "cuts.000000.jsonl.gz", "cuts.000001.jsonl.gz"];
    assert_eq!(lab.names("out/shar"), names);
    let found = cuts(&lab, "out/shar/cuts.000001.jsonl.gz");
    assert_eq!(found["x/take.2"]["recording"]["num_samples"], 2500);
    lab.dac(encode).expect(0).says("0 done, 3 skipped");

    // Killed between the renames of cuts and codes: the cuts are replaced.
    fs::remove_file(lab.path("out/shar/codes.000001.tar")).unwrap();
    lab.put("out/shar/cuts.000001.jsonl.gz", b"older");
    lab.dac(encode).expect(0).says("1 done, 2 skipped");
    assert_eq!(lab.names("out/shar"), names);
    assert_eq!(cuts(&lab, "out/shar/cuts.000001.jsonl.gz").len(), 1);
    // Cuts of others are not.
    lab.put("other/shar/cuts.000000.jsonl.gz", b"foreign");
    lab.dac(&encode.replace("--output out", "--output other")).expect(3).says("shar/cuts.000000.jsonl.gz");
    assert_eq!(lab.read("other/shar/cuts.000000.jsonl.gz"), b"foreign");
    // Without its cuts, a shard is useless.
    fs::remove_file(lab.path("out/shar/cuts.000000.jsonl.gz")).unwrap();
    lab.dac(encode)
        .expect(1)
        .says("out/shar/codes.000000.tar contains a but was changed")
        .says("1 skipped, 2 failed");

    for (more, text) in
        [("--format npy", "cannot be combined with --format"), ("--save codes,z", "stores only codes")]
    {
        lab.dac(&format!("encode in --output new --model tiny --pack shar {more}")).expect(2).says(text);
    }
}

#[test]
fn layouts_and_pieces_are_written_to_shar() {
    let lab = Lab::new();
    lab.wav("in/long.wav", 44100, 100_000, &[0.5]);
    lab.put("in/long.jsonl", br#"{"audio_filepath": "long.wav", "text": "all of it"}"#);
    let encode = "encode in/long.jsonl --model tiny --pack shar --layout frames --dtype i64";
    lab.dac(&format!("{encode} --output out --segment 1")).expect(0);
    let found = cuts(&lab, "out/shar/cuts.000000.jsonl.gz");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["long-s00000", "long-s00001", "long-s00002"]);
    assert_eq!(
        (&found["long-s00002"]["supervisions"], &found["long-s00002"]["custom"]["text"]),
        (&json!([]), &json!("all of it"))
    );
    // A piece that is all of the row keeps the transcript.
    lab.dac(&format!("{encode} --output whole --segment 5")).expect(0);
    let found = cuts(&lab, "whole/shar/cuts.000000.jsonl.gz");
    assert_eq!(found["long-s00000"]["supervisions"][0]["text"], "all of it");
    lab.dac("decode out/shar --output wavs --layout frames --output-rate input").expect(0);
    assert_eq!(lab.wave_of("wavs/long-s00002.wav").samples(), 100_000 - 88_200);
}

#[test]
fn partitions_write_their_own_shar() {
    let lab = Lab::new();
    shar(&lab);
    for n in 0..6 {
        lab.wav(&format!("wavs/{n}.wav"), 44100, 1000 + n, &[0.5]);
    }
    for part in 0..2 {
        lab.dac(&format!("encode wavs --output out --model tiny --pack shar --partition {part}/2")).expect(0);
        let kept =
            format!("encode in --output kept --model tiny --pack shar --keep-shards --partition {part}/2");
        assert!(lab.dac(&kept).code < 2);
    }
    let all = cuts(&lab, "out/shar/cuts.0-of-2-000000.jsonl.gz").len()
        + cuts(&lab, "out/shar/cuts.1-of-2-000000.jsonl.gz").len();
    assert_eq!(all, 6);
    assert_eq!(lab.names("kept/shar").len(), 4);
    lab.dac("manifest merge out").expect(0);
    lab.dac("manifest merge kept").expect(1).says("bad");
    lab.put("rows.jsonl", br#"{"audio_filepath": "wavs/0.wav"}"#);
    lab.dac("encode rows.jsonl --output rows --model tiny --pack tar --keep-shards --partition 0/2")
        .expect(2)
        .says("--partition divides the rows");
}

#[test]
fn killed_runs_end_with_each_cut_once() {
    let lab = Lab::new();
    for n in 0..40 {
        lab.wav(&format!("in/{n}.wav"), 44100, 4000, &[0.5]);
    }
    let encode =
        |out: &str| format!("encode in --output {out} --model tiny --pack shar --pack-entries 3 --jobs 2");
    let started = std::time::Instant::now();
    lab.dac(&encode("whole")).expect(0);
    kill(&lab, &encode("out"), "out", started.elapsed(), 6, || {
        for name in lab.names("out/shar").iter().filter(|name| name.starts_with("codes.")) {
            let cuts = name.replace("codes.", "cuts.").replace(".tar", ".jsonl.gz");
            assert!(lab.path(&format!("out/shar/{cuts}")).exists(), "{name} has no cuts");
        }
    });
    lab.dac(&encode("out")).expect(0);
    let names = lab.names("out/shar");
    let (codes, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.starts_with("codes."));
    assert_eq!(codes.len(), others.len(), "{names:?}");
    let ids: Vec<_> =
        others.iter().flat_map(|name| cuts(&lab, &format!("out/shar/{name}")).into_keys()).collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (40, 40));
}
