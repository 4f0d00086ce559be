//! Merging the manifests of partitions into one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use dac_atomic::AtomicFile;

use super::lines::each_record;
use super::names::{MANIFEST_NAME, manifests_in};
use super::record::{Record, Status};
use crate::error::BatchError;
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
pub fn merge_manifests(dir: &Path) -> Result<MergeReport, BatchError> {
    let manifests = manifests_in(dir)?;
    if manifests.iter().all(|(partition, _)| partition.is_none()) {
        return Err(BatchError::NoPartitions { dir: dir.to_owned() });
    }
    let mut lines: BTreeMap<Box<str>, (Rank, Vec<u8>)> = BTreeMap::new();
    let mut malformed_lines = 0;
    for (_, path) in &manifests {
        let mut without_key = 0;
        let add = |Record { key, status, finished_s, .. }: Record, line: &[u8]| {
            let Some(key) = key else {
                without_key += 1;
                return;
            };
            let rank = Rank { done: matches!(status, Status::Ok | Status::Skipped), finished_s };
            if lines.get(&key).is_none_or(|(known, _)| rank >= *known) {
                lines.insert(key, (rank, line.to_vec()));
            }
        };
        let read = File::open(path).and_then(|file| each_record(BufReader::new(file), add));
        malformed_lines += read.map_err(|error| BatchError::read(path, error))? + without_key;
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
    write().map_err(|error| BatchError::write(&path, error))?;

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
