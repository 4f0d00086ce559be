//! Merging the manifests of partitions into one.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use dac_atomic::AtomicFile;

use super::candidates::Candidates;
use super::lines::{Line, each_line};
use super::locked_file::lock_current;
use super::names::{MANIFEST_NAME, manifests_in};
use super::run_mark::RunState;
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
    /// Number of keys that only failed, or whose result is missing.
    pub failed: usize,
    /// Keys that a record reports as done, but whose result is missing or differs; they count as failed.
    pub without_result: Vec<String>,
    /// Last error of each key that only failed, with the name of its input.
    pub errors: Vec<String>,
    /// Partitions without a manifest, for each partition count that occurs.
    pub missing: Vec<Partition>,
    /// Partitions whose manifest does not end with the mark of a complete run.
    pub unfinished: Vec<Partition>,
    /// Number of lines that are not records.
    pub malformed_lines: usize,
}

/// Merges all manifests of a directory into `.dac-manifest.jsonl`, with one record per key, sorted by key:
/// that of the result that exists, else the last failure. Of equal results the newest record counts: the
/// later line of a manifest, the later time of two manifests. The manifests of partitions are kept, so that
/// they can be resumed and merged again. Runs may append to any of the manifests meanwhile.
///
/// # Errors
/// When the directory contains no manifest of a partition, a manifest cannot be read, or the result cannot be
/// written; an existing merged manifest is unchanged then.
pub fn merge_manifests(dir: &Path) -> Result<MergeReport, BatchError> {
    if !dir.is_dir() {
        return Err(BatchError::Usage(format!("{}: no such directory", dir.display())));
    }
    let is_partition = |(partition, _): &(Option<Partition>, PathBuf)| partition.is_some();
    if !manifests_in(dir)?.iter().any(is_partition) {
        return Err(BatchError::NoPartitions { dir: dir.to_owned() });
    }
    let path = dir.join(MANIFEST_NAME);
    let open = |path: &Path| OpenOptions::new().read(true).append(true).create(true).open(path);
    // Held until the new file has the name: records that runs append later go there.
    let lock = open(&path).and_then(|file| lock_current(file, &path, open));
    let lock = lock.map_err(|error| BatchError::write(&path, error))?;
    let is_new = lock.metadata().is_ok_and(|found| found.len() == 0);

    let mut manifests = manifests_in(dir)?;
    manifests.retain(|(partition, _)| partition.is_some() || !is_new);
    let mut merge = Merge::default();
    for (number, (partition, path)) in (0_u32..).zip(&manifests) {
        let read = match partition {
            Some(partition) => merge.read_partition(number, *partition, path),
            None => merge.read(number, &lock).map(drop),
        };
        read.map_err(|error| BatchError::read(path, error))?;
    }
    let chosen = merge.candidates.choose(dir);
    let write = || {
        let mut file = BufWriter::new(AtomicFile::create(&path)?);
        for line in &chosen.lines {
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.commit()
    };
    write().map_err(|error| BatchError::write(&path, error))?;
    drop(lock);

    let partitions: Vec<_> = manifests.iter().filter_map(|(partition, _)| *partition).collect();
    Ok(MergeReport {
        path,
        manifests: manifests.len(),
        done: chosen.done,
        failed: chosen.lines.len() - chosen.done,
        without_result: chosen.without_result,
        errors: chosen.errors,
        missing: missing_partitions(&partitions),
        unfinished: merge.unfinished,
        malformed_lines: merge.malformed_lines,
    })
}

/// What the manifests read so far contain.
#[derive(Default)]
struct Merge {
    candidates: Candidates,
    unfinished: Vec<Partition>,
    malformed_lines: usize,
}

impl Merge {
    fn read_partition(&mut self, number: u32, partition: Partition, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        // Without locks, a line that is being written counts as malformed.
        let _ = file.lock_shared();
        if self.read(number, &file)? != Some(RunState::Ended) {
            self.unfinished.push(partition);
        }
        Ok(())
    }

    /// Adds the lines of a manifest, and returns its last mark.
    fn read(&mut self, number: u32, file: &File) -> io::Result<Option<RunState>> {
        let (mut without_key, mut last_run) = (0, None);
        let read = each_line(BufReader::new(file), |line| match line {
            Line::Record(record, text) => {
                without_key += usize::from(!self.candidates.add(*record, text, number));
            }
            Line::Mark(mark) => last_run = Some(mark.run),
        })?;
        self.malformed_lines += read.malformed_lines + without_key;
        Ok(last_run)
    }
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
