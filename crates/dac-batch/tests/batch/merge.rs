//! Merging the manifests of partitions.

use std::fs;

use dac_batch::{BatchError, MANIFEST_NAME, Partition, merge_manifests};

fn line(key: &str, status: &str, input: &str) -> String {
    format!("{{\"key\":\"{key}\",\"status\":\"{status}\",\"input\":\"{input}\"}}\n")
}

#[test]
fn merging_keeps_one_record_per_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    assert!(matches!(merge_manifests(dir.path()), Err(BatchError::NoPartitions { .. })));

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
