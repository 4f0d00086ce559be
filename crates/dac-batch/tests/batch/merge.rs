//! Merging the manifests of partitions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dac_batch::{
    BatchError, MANIFEST_NAME, ManifestWriter, Partition, Record, Roundtrip, Status, merge_manifests,
};

/// Creates the result of a key, whose records count as done only with it.
fn put_results(dir: &Path, keys: &[&str]) {
    for key in keys {
        fs::write(dir.join(key), b"").unwrap();
    }
}

fn line(key: &str, status: &str, input: &str) -> String {
    format!("{{\"key\":\"{key}\",\"status\":\"{status}\",\"input\":\"{input}\"}}\n")
}

#[test]
fn merging_keeps_one_record_per_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    assert!(matches!(merge_manifests(dir.path()), Err(BatchError::NoPartitions { .. })));
    assert!(!path(MANIFEST_NAME).exists());
    put_results(dir.path(), &["a", "b", "c", "d"]);

    let first = line("b", "error", "1") + &line("b", "ok", "2") + &line("d", "ok", "3") + "{\"key\":";
    fs::write(path(".dac-manifest.0-of-3.jsonl"), first).unwrap();
    let second = line("d", "error", "4") + &line("a", "error", "5");
    fs::write(path(".dac-manifest.2-of-3.jsonl"), second).unwrap();
    let report = merge_manifests(dir.path()).unwrap();
    let expected = line("a", "error", "5") + &line("b", "ok", "2") + &line("d", "ok", "3");
    assert_eq!(fs::read_to_string(path(MANIFEST_NAME)).unwrap(), expected);
    assert_eq!((report.manifests, report.done, report.failed, report.malformed_lines), (2, 2, 1, 1));
    assert_eq!(report.missing, [Partition::new(1, 3).unwrap()]);

    // Again, with the missing partition.
    fs::write(path(".dac-manifest.1-of-3.jsonl"), line("c", "ok", "6") + &line("a", "ok", "7")).unwrap();
    let report = merge_manifests(dir.path()).unwrap();
    assert_eq!((report.manifests, report.done, report.failed), (4, 4, 0));
    assert_eq!(report.missing, []);
}

#[test]
fn the_latest_record_wins_regardless_of_its_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: String| fs::write(dir.path().join(name), text).unwrap();
    put_results(dir.path(), &["a", "b", "c"]);
    let timed = |key: &str, status: &str, input: &str, finished_s: f64| {
        line(key, status, input).replace('}', &format!(",\"finished_s\":{finished_s}}}"))
    };
    // A partition, an unpartitioned run after it, and then the partition again.
    put(".dac-manifest.0-of-1.jsonl", timed("a", "ok", "old", 10.5) + &line("b", "ok", "old"));
    let whole = timed("a", "ok", "new", 20.5) + &timed("b", "ok", "new", 5.0) + &timed("c", "ok", "new", 7.0);
    put(MANIFEST_NAME, whole.clone() + &timed("c", "error", "newest", 30.0));
    merge_manifests(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join(MANIFEST_NAME)).unwrap(), whole);
    put(".dac-manifest.0-of-1.jsonl", timed("c", "ok", "newest", 7.5));
    merge_manifests(dir.path()).unwrap();
    let merged = fs::read_to_string(dir.path().join(MANIFEST_NAME)).unwrap();
    assert!(merged.ends_with(&timed("c", "ok", "newest", 7.5)), "{merged}");
}

#[test]
fn the_later_line_of_a_manifest_wins_whatever_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let result = |sha256: &str, finished_s: f64| {
        let more =
            format!(",\"output_sha256\":\"{sha256}\",\"output_bytes\":3,\"finished_s\":{finished_s}}}");
        line("a.npy", "ok", sha256).replace('}', &more)
    };
    fs::write(path("a.npy"), b"abc").unwrap();
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    // Two results of equal size: the one whose hash the file has, wherever it is.
    for order in [["other", abc], [abc, "other"]] {
        let text = result(order[0], 9000.0) + &result(order[1], 1800.0);
        fs::write(path(".dac-manifest.0-of-1.jsonl"), text).unwrap();
        let report = merge_manifests(dir.path()).unwrap();
        assert_eq!((report.done, report.failed), (1, 0));
        let merged = fs::read_to_string(path(MANIFEST_NAME)).unwrap();
        assert!(merged.contains(abc) && merged.lines().count() == 1, "{merged}");
        fs::remove_file(path(MANIFEST_NAME)).unwrap();
    }
    // The clock was set back two hours between two records of one result.
    let text = result(abc, 9000.0) + &result(abc, 1800.0);
    fs::write(path(".dac-manifest.0-of-1.jsonl"), text).unwrap();
    merge_manifests(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(path(MANIFEST_NAME)).unwrap(), result(abc, 1800.0));
}

#[test]
fn results_that_are_missing_count_as_failed() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let sized = |key: &str| line(key, "ok", "1").replace('}', ",\"output_bytes\":3}");
    let packed = |key: &str, pack: &str| sized(key).replace('}', &format!(",\"pack\":\"{pack}\"}}"));
    let text = [
        sized("good.npy"),
        sized("short.npy"),
        sized("gone.npy"),
        // A failure after the record of a result that did not get its name is the reason.
        sized("failed.npy") + &line("failed.npy", "error", "2"),
        packed("x/in", "tokens-000000.tar"),
        packed("x/out", "tokens-000001.tar"),
        sized("../outside"),
        sized("50%25%FF.npy"),
    ];
    fs::write(path(".dac-manifest.0-of-1.jsonl"), text.concat()).unwrap();
    for (name, content) in [("good.npy", "abc"), ("short.npy", "ab"), ("tokens-000000.tar", "abc")] {
        fs::write(path(name), content).unwrap();
    }
    let report = merge_manifests(dir.path()).unwrap();
    assert_eq!((report.done, report.failed), (2, 6));
    let expected = ["../outside", "50%25%FF.npy", "gone.npy", "short.npy", "x/out"];
    assert_eq!(report.without_result, expected);
    let merged = fs::read_to_string(path(MANIFEST_NAME)).unwrap();
    assert!(merged.contains(&line("failed.npy", "error", "2")) && merged.lines().count() == 8, "{merged}");
}

#[test]
fn partitions_without_an_end_are_unfinished() {
    let dir = tempfile::tempdir().unwrap();
    let mark = |state: &str| format!("{{\"run\":\"{state}\",\"jobs\":1,\"time_s\":1.5}}\n");
    put_results(dir.path(), &["a"]);
    let record = line("a", "ok", "1");
    let texts = [
        mark("started") + &record + &mark("ended"),
        // Killed, emptied, started again after its end, and written by an early version.
        mark("started") + &record,
        String::new(),
        mark("started") + &record + &mark("ended") + &mark("started"),
        record.clone(),
        mark("started") + &mark("ended"),
    ];
    for (index, text) in texts.iter().enumerate() {
        fs::write(dir.path().join(format!(".dac-manifest.{index}-of-6.jsonl")), text).unwrap();
    }
    let report = merge_manifests(dir.path()).unwrap();
    let unfinished: Vec<_> = report.unfinished.iter().map(ToString::to_string).collect();
    assert_eq!(unfinished, ["1/6", "2/6", "3/6", "4/6"]);
    assert_eq!((report.done, report.failed, report.malformed_lines), (1, 0, 0));
    assert_eq!(fs::read_to_string(dir.path().join(MANIFEST_NAME)).unwrap(), record);
}

#[test]
fn records_appended_during_a_merge_are_kept() {
    const RECORDS: usize = 100;
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join(MANIFEST_NAME);
    fs::write(dir.path().join(".dac-manifest.0-of-1.jsonl"), line("part", "ok", "1")).unwrap();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (manifest, ended) = (&manifest, &ended);
            scope.spawn(move || {
                let mut open = ManifestWriter::open(manifest).unwrap();
                for n in 0..RECORDS {
                    let key = Some(format!("{writer}/{n:03}").into());
                    open.append([&Record { key, ..Record::default() }]).unwrap();
                }
                ended.store(true, Ordering::Relaxed);
            });
        }
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                merge_manifests(dir.path()).unwrap();
                // Leaves the lock to the writers for a moment.
                std::thread::sleep(Duration::from_millis(2));
            }
        });
    });
    let text = fs::read_to_string(&manifest).unwrap();
    let keys: BTreeSet<Box<str>> =
        text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap().key.unwrap()).collect();
    assert_eq!(keys.len(), 2 * RECORDS + 1);
}

#[test]
fn a_removed_manifest_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("m.jsonl");
    let mut writer = ManifestWriter::open(&manifest).unwrap();
    writer.append([&Record::default()]).unwrap();
    writer.check_present().unwrap();
    fs::remove_file(&manifest).unwrap();
    for error in [writer.append([&Record::default()]).unwrap_err(), writer.check_present().unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains("m.jsonl: it was removed while this run used it"), "{text}");
    }
    assert!(!manifest.exists());
}

#[test]
fn decoded_files_of_round_trips_can_have_any_format() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let mut lines = String::new();
    for (stem, extension) in [("a", "wav"), ("b", "flac"), ("gone", "flac")] {
        let key = format!("{stem}.npy");
        let decoded = path(&format!("{stem}.{extension}"));
        let roundtrip = Roundtrip {
            decoded: decoded.display().to_string(),
            si_sdr_db: None,
            mel_distance: None,
            stft_distance: None,
            token_bytes: 0,
            decoded_bytes: 3,
            decoded_sha256: None,
            nominal_kbps: 7.75,
            file_kbps: None,
        };
        let record = Record {
            key: Some(key.as_str().into()),
            status: Status::Ok,
            roundtrip: Some(Box::new(roundtrip)),
            ..Record::new(Path::new(stem))
        };
        lines += &(serde_json::to_string(&record).unwrap() + "\n");
        put_results(dir.path(), &[&key]);
        if stem != "gone" {
            fs::write(decoded, "abc").unwrap();
        }
    }
    fs::write(path(".dac-manifest.0-of-1.jsonl"), lines).unwrap();
    let report = merge_manifests(dir.path()).unwrap();
    assert_eq!((report.done, report.without_result), (2, vec!["gone.npy".to_owned()]));
}
