//! Merging the manifests of partitions into one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use dac_atomic::AtomicFile;

use super::error::ManifestError;
use super::files::{MANIFEST_NAME, manifests_in};
use super::lines::each_line;
use super::record::{Record, Status};
use crate::partition::Partition;

/// Result of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeReport {
    /// Path of the merged manifest.
    pub path: PathBuf,
    /// Number of manifests that were read.
    pub manifests: usize,
    /// Number of keys with a successful result.
    pub done: usize,
    /// Number of keys that only failed.
    pub failed: usize,
    /// Partitions without a manifest, for each partition count that occurs.
    pub missing: Vec<Partition>,
    /// Number of lines that are not records.
    pub malformed_lines: usize,
}

/// Precedence of a record among those of its key; of equal ones, the one read later wins.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Rank {
    done: bool,
    /// Unknown in records of early versions.
    finished_s: Option<f64>,
}

/// Merges all manifests of a directory into `.dac-manifest.jsonl`, with one record per key, sorted by key.
/// Successes win over failures, then later records over earlier ones. The manifests of partitions are kept,
/// so that they can be resumed and merged again.
///
/// # Errors
/// When the directory contains no manifest of a partition, a manifest cannot be read, or the result cannot be
/// written; an existing merged manifest is unchanged then.
pub fn merge_manifests(dir: &Path) -> Result<MergeReport, ManifestError> {
    let manifests = manifests_in(dir)?;
    if manifests.iter().all(|(partition, _)| partition.is_none()) {
        return Err(ManifestError::NoPartitions { dir: dir.to_owned() });
    }
    let mut lines: BTreeMap<Box<str>, (Rank, Vec<u8>)> = BTreeMap::new();
    let mut malformed_lines = 0;
    for (_, path) in &manifests {
        let file = File::open(path).map_err(|error| ManifestError::read(path, error))?;
        let read = each_line(BufReader::new(file), |line| {
            let Some(line) = line.filter(|line| !line.is_empty()) else {
                malformed_lines += usize::from(line.is_none());
                return;
            };
            match serde_json::from_slice::<Record>(line) {
                Ok(Record { key: Some(key), status, finished_s, .. }) => {
                    let rank = Rank { done: matches!(status, Status::Ok | Status::Skipped), finished_s };
                    if lines.get(&key).is_none_or(|(known, _)| rank >= *known) {
                        lines.insert(key, (rank, line.to_vec()));
                    }
                }
                _ => malformed_lines += 1,
            }
        });
        read.map_err(|error| ManifestError::read(path, error))?;
    }

    let path = dir.join(MANIFEST_NAME);
    let write = || {
        let mut file = BufWriter::new(AtomicFile::create(&path)?);
        for (_, line) in lines.values() {
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.commit()
    };
    write().map_err(|error| ManifestError::write(&path, error))?;

    let partitions: Vec<_> = manifests.iter().filter_map(|(partition, _)| *partition).collect();
    let done = lines.values().filter(|(rank, _)| rank.done).count();
    Ok(MergeReport {
        path,
        manifests: manifests.len(),
        done,
        failed: lines.len() - done,
        missing: missing_partitions(&partitions),
        malformed_lines,
    })
}

/// Partitions absent from `found`, for each partition count in it.
fn missing_partitions(found: &[Partition]) -> Vec<Partition> {
    let mut counts: Vec<_> = found.iter().map(|partition| partition.count()).collect();
    counts.sort_unstable();
    counts.dedup();
    let all =
        counts.iter().flat_map(|&count| (0..count).filter_map(move |index| Partition::new(index, count)));
    all.filter(|partition| !found.contains(partition)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line(key: &str, status: &str, input: &str) -> String {
        format!("{{\"key\":\"{key}\",\"status\":\"{status}\",\"input\":\"{input}\"}}\n")
    }

    #[test]
    fn merging_keeps_one_record_per_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        assert!(matches!(merge_manifests(dir.path()), Err(ManifestError::NoPartitions { .. })));

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
        let whole =
            timed("a", "ok", "new", 20.5) + &timed("b", "ok", "new", 5.0) + &timed("c", "ok", "new", 7.0);
        put(MANIFEST_NAME, whole.clone() + &timed("c", "error", "newest", 30.0));
        merge_manifests(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(MANIFEST_NAME)).unwrap(), whole);
        put(".dac-manifest.0-of-1.jsonl", timed("c", "ok", "newest", 7.5));
        merge_manifests(dir.path()).unwrap();
        let merged = fs::read_to_string(dir.path().join(MANIFEST_NAME)).unwrap();
        assert!(merged.ends_with(&timed("c", "ok", "newest", 7.5)), "{merged}");
    }
}
