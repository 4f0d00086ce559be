//! The manifests of a job's shards joined to one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use dac_atomic::AtomicFile;

use crate::lines::each_line;
use crate::shard::manifests_in;
use crate::{MANIFEST_NAME, ManifestError, Record, Shard, Status};

/// What a merge found and made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeReport {
    /// The joined manifest.
    pub path: PathBuf,
    /// Manifests that were read.
    pub manifests: usize,
    /// Files that are done.
    pub done: usize,
    /// Files that failed.
    pub failed: usize,
    /// Shards without a manifest, of the numbers of shards that were found.
    pub missing: Vec<Shard>,
    /// Lines that are no records.
    pub unreadable_lines: usize,
}

/// What decides between two records of a key; of equals, the one that is read later counts.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Rank {
    done: bool,
    /// Records without a time are of earlier versions.
    finished_s: Option<f64>,
}

/// Joins all manifests of a folder to `.dac-manifest.jsonl`, one record a key, sorted by key; the shards' own manifests stay,
/// so that they can be resumed and merged again. A done file's record wins over one of a failure, else the one that was finished
/// later, in whichever manifest it stands.
///
/// # Errors
/// When the folder holds no manifest of a shard, or one cannot be read, or the result not be written; what was there stays then.
pub fn merge(folder: &Path) -> Result<MergeReport, ManifestError> {
    let found = manifests_in(folder)?;
    if found.iter().all(|(shard, _)| shard.is_none()) {
        return Err(ManifestError::NoShards { folder: folder.to_owned() });
    }
    let mut lines: BTreeMap<String, (Rank, Vec<u8>)> = BTreeMap::new();
    let mut unreadable_lines = 0;
    for (_, path) in &found {
        let file = File::open(path).map_err(|error| ManifestError::read(path, error))?;
        let read = each_line(BufReader::new(file), |line| {
            let Some(line) = line.filter(|line| !line.is_empty()) else {
                unreadable_lines += usize::from(line.is_none());
                return;
            };
            match serde_json::from_slice::<Record>(line) {
                Ok(Record { key: Some(key), status, finished_s, .. }) => {
                    let rank = Rank { done: matches!(status, Status::Ok | Status::Skipped), finished_s };
                    if lines.get(&key).is_none_or(|(known, _)| rank >= *known) {
                        lines.insert(key, (rank, line.to_vec()));
                    }
                }
                _ => unreadable_lines += 1,
            }
        });
        read.map_err(|error| ManifestError::read(path, error))?;
    }

    let path = folder.join(MANIFEST_NAME);
    let write = || {
        let mut file = BufWriter::new(AtomicFile::create(&path)?);
        for (_, line) in lines.values() {
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.commit()
    };
    write().map_err(|error| ManifestError::write(&path, error))?;

    let shards: Vec<_> = found.iter().filter_map(|(shard, _)| *shard).collect();
    let mut counts: Vec<_> = shards.iter().map(|shard| shard.count()).collect();
    counts.sort_unstable();
    counts.dedup();
    let all = counts.iter().flat_map(|&count| (0..count).filter_map(move |index| Shard::new(index, count)));
    let done = lines.values().filter(|(rank, _)| rank.done).count();
    Ok(MergeReport {
        path,
        manifests: found.len(),
        done,
        failed: lines.len() - done,
        missing: all.filter(|shard| !shards.contains(shard)).collect(),
        unreadable_lines,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line(key: &str, status: &str, input: &str) -> String {
        format!("{{\"key\":\"{key}\",\"status\":\"{status}\",\"input\":\"{input}\"}}\n")
    }

    #[test]
    fn shards_are_joined_without_doubles() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(matches!(merge(folder.path()), Err(ManifestError::NoShards { .. })));

        let first = line("b", "error", "1") + &line("b", "ok", "2") + &line("d", "ok", "3") + "{\"key\":";
        fs::write(path(".dac-manifest.0-of-3.jsonl"), first).unwrap();
        let second = line("d", "error", "4") + &line("a", "error", "5");
        fs::write(path(".dac-manifest.2-of-3.jsonl"), second).unwrap();
        let report = merge(folder.path()).unwrap();
        let expected = line("a", "error", "5") + &line("b", "ok", "2") + &line("d", "ok", "3");
        assert_eq!(fs::read_to_string(path(MANIFEST_NAME)).unwrap(), expected);
        assert_eq!((report.manifests, report.done, report.failed, report.unreadable_lines), (2, 2, 1, 1));
        assert_eq!(report.missing, [Shard::new(1, 3).unwrap()]);

        // Again, with what the missing shard did.
        fs::write(path(".dac-manifest.1-of-3.jsonl"), line("c", "ok", "6") + &line("a", "ok", "7")).unwrap();
        let report = merge(folder.path()).unwrap();
        assert_eq!((report.manifests, report.done, report.failed), (4, 4, 0));
        assert_eq!(report.missing, []);
    }

    #[test]
    fn a_later_record_wins_in_whichever_manifest_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        let timed = |key: &str, status: &str, input: &str, finished_s: f64| {
            line(key, status, input).replace('}', &format!(",\"finished_s\":{finished_s}}}"))
        };
        // What a run of the whole job did after the shards, and a shard after that.
        put(".dac-manifest.0-of-1.jsonl", timed("a", "ok", "old", 10.5) + &line("b", "ok", "old"));
        let whole =
            timed("a", "ok", "new", 20.5) + &timed("b", "ok", "new", 5.0) + &timed("c", "ok", "new", 7.0);
        put(MANIFEST_NAME, whole.clone() + &timed("c", "error", "newest", 30.0));
        merge(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(MANIFEST_NAME)).unwrap(), whole);
        put(".dac-manifest.0-of-1.jsonl", timed("c", "ok", "newest", 7.5));
        merge(folder.path()).unwrap();
        let merged = fs::read_to_string(folder.path().join(MANIFEST_NAME)).unwrap();
        assert!(merged.ends_with(&timed("c", "ok", "newest", 7.5)), "{merged}");
    }
}
