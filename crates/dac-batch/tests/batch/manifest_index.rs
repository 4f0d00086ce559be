//! Results of manifests, by key.

use std::collections::{HashMap, HashSet};

use dac_batch::{MAX_LINE_BYTES, ManifestIndex, Record};

fn read(text: &str) -> ManifestIndex {
    let mut index = ManifestIndex::default();
    index.read_from(text.as_bytes()).unwrap();
    index
}

/// Settings and SHA-256 of each result of a key.
fn results<'a>(index: &'a ManifestIndex, key: &str) -> Vec<(&'a str, &'a str)> {
    let pair =
        |record: &'a Record| (record.settings.as_deref().unwrap(), record.output_sha256.as_deref().unwrap());
    index.results(key).map(pair).collect()
}

#[test]
fn all_results_of_a_key_are_kept_and_failures_ignored() {
    let mut index = ManifestIndex::default();
    let text = br#"{"key":"a","status":"error"}
{"key":"a","status":"ok","output_sha256":"12","settings":"s","frames":7}
{"key":"a","status":"ok","output_sha256":"34","settings":"t"}
{"key":"a","status":"error","error":"gone"}
not json
{"key":"b","status":"error","error":"gone"}

{"status":"ok"}
{"key":"c","status":"ok"}
"#;
    // Records with a key, failures included.
    assert_eq!(index.read_from(text.as_slice()).unwrap(), 6);
    assert_eq!((index.len(), index.malformed_lines()), (1, 1));
    assert_eq!(results(&index, "a"), [("t", "34"), ("s", "12")]);
    // A record without SHA-256 does not identify an output.
    assert!(index.contains_key("a") && !index.contains_key("b") && !index.contains_key("c"));
    assert!(index.packs().is_empty());
    let oldest = index.results("a").last().unwrap();
    assert_eq!((oldest.frames, oldest.output_sha256.as_deref()), (Some(7), Some("12")));
}

#[test]
fn results_of_several_manifests_are_sorted_by_time() {
    let line = |settings: &str, sha256: &str, finished_s: &str| {
        format!(r#"{{"key":"a","status":"ok","settings":"{settings}","output_sha256":"{sha256}","#)
            + &format!("\"finished_s\":{finished_s}}}\n")
    };
    // Two different outputs, and two records of the same output.
    for [one, other] in [["1", "2"], ["1", "1"]] {
        let (old, new) = (line("old", one, "100.5"), line("new", other, "200"));
        let untimed = line("older", one, "null");
        let expected: &[_] = if one == other { &[("new", "1")] } else { &[("new", "2"), ("old", "1")] };
        for text in [[&untimed, &old, &new], [&new, &old, &untimed], [&old, &untimed, &new]] {
            let mut index = ManifestIndex::default();
            for manifest in text {
                index.read_from(manifest.as_bytes()).unwrap();
            }
            assert_eq!(results(&index, "a"), expected);
        }
    }
    // Within a manifest the last line is the newest: clocks can be set back.
    let [first, second] = [line("first", "1", "200"), line("second", "2", "100.5")];
    assert_eq!(results(&read(&(first.clone() + &second)), "a"), [("second", "2"), ("first", "1")]);
    let same_output = line("second", "1", "100.5");
    assert_eq!(results(&read(&(first + &same_output)), "a"), [("second", "1")]);
    // Also without times.
    let untimed = line("old", "1", "null") + &line("new", "2", "null");
    assert_eq!(results(&read(&untimed), "a"), [("new", "2"), ("old", "1")]);
}

#[test]
fn round_trips_of_equal_tokens_differ_by_decoded_sha256() {
    let line = |decoded: &str| {
        r#"{"key":"a","status":"ok","output_sha256":"1","decoded":"a.wav","token_bytes":1,"#.to_owned()
            + &format!(r#""decoded_bytes":2,"decoded_sha256":"{decoded}","nominal_kbps":7.75}}"#)
            + "\n"
    };
    let index = read(&(line("i16") + &line("f32") + &line("i16")));
    let decoded: Vec<_> = index.results("a").map(Record::decoded_sha256).collect();
    assert_eq!(decoded, [Some("i16"), Some("f32")]);
}

#[test]
fn only_the_newest_results_of_a_key_are_kept() {
    let line =
        |n: u32| format!("{{\"key\":\"a\",\"status\":\"ok\",\"settings\":\"\",\"output_sha256\":\"{n}\"}}\n");
    let index = read(&(0..100).map(line).collect::<String>());
    let kept = results(&index, "a");
    assert_eq!((kept.len(), kept[0].1, kept[31].1), (32, "99", "68"));
}

#[test]
fn packs_have_every_recorded_hash() {
    let text = r#"{"key":"a","status":"ok","output_sha256":"1","pack":"p"}
{"key":"a","status":"ok","output_sha256":"2","pack":"p"}
{"key":"b","status":"ok","output_sha256":"1","pack":"p"}
{"key":"d","status":"ok","output_sha256":"3","pack":"q"}
{"key":"e","status":"error","pack":"r"}
"#;
    let expected =
        [("p".into(), HashSet::from(["1".into(), "2".into()])), ("q".into(), HashSet::from(["3".into()]))];
    assert_eq!(read(text).packs(), HashMap::from(expected));
}

#[test]
fn arbitrary_bytes_are_malformed_lines() {
    let mut deep = vec![b'['; 100_000];
    deep.push(b'\n');
    for bytes in
        [deep.as_slice(), b"\xff\xfe\n", b"{\"key\":1}\n", b"{\"frames\":-1,\"key\":\"a\"}\n", b"null\n"]
    {
        let mut index = ManifestIndex::default();
        index.read_from(bytes).unwrap();
        assert_eq!((index.len(), index.malformed_lines()), (0, 1), "{:?}", bytes.get(..9));
    }
}

#[test]
fn truncated_and_too_long_lines_are_malformed() {
    let line = |key: &str| format!(r#"{{"key":"{key}","status":"ok","output_sha256":"1"}}"#);
    let index = read(&[line("a"), String::new(), line("b"), line("truncated")].join("\n"));
    assert_eq!((index.len(), index.malformed_lines()), (2, 1));
    assert!(index.contains_key("a") && index.contains_key("b"));
    assert_eq!(read("").malformed_lines(), 0);
    let long = line("long") + &" ".repeat(3 * MAX_LINE_BYTES as usize + 5);
    let index = read(&[long, line("end"), String::new()].join("\n"));
    assert_eq!((index.len(), index.malformed_lines()), (1, 1));
    assert!(index.contains_key("end"));
}
