//! Packed outputs: entries wait until their shard is complete; then its records are appended and it gets its
//! name.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::{self, ErrorKind};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dac::tokens::TokenFile;
use dac_dataset::{
    FinishedShard, OpenShardInfo, PackError, PackLimits, PackNaming, PackWriter, Passed, SampleKey,
};

use crate::error::{BatchError, error_text};
use crate::file_stamp::Fingerprint;
use crate::job_record::JobState;
use crate::manifest::Record;
use crate::manifest_store::ManifestStore;
use crate::options::BatchOptions;
use crate::partition::Partition;
use crate::shards::ShardSettings;
use crate::staging::StagingDir;

/// Longest time between two checks of the age of the open shard.
const MAX_TICK: Duration = Duration::from_secs(1);
/// Time after which the speed of a batch is known well enough to predict the size of its shards.
const SPEED_KNOWN_AFTER: Duration = Duration::from_secs(60);

/// Names of the shards that a run writes, and the number of the first one, after those in the output
/// directory. A shard that no manifest lists is an error: its entries would be encoded twice.
fn shard_numbering(
    options: &BatchOptions,
    shards: &ShardSettings,
    has_kept: bool,
    manifests: &ManifestStore,
) -> Result<(PackNaming, u64), BatchError> {
    let dir = &shards.dir(&options.output_dir);
    let rest = shards.tag_of_rest().filter(|_| has_kept).map(str::to_owned);
    let tags = rest.into_iter().chain(options.partition.map(Partition::tag)).collect::<Vec<_>>();
    let naming = if tags.is_empty() { PackNaming::default() } else { PackNaming::tagged(&tags.join("-"))? };
    let mut next = 0;
    for name in file_names(dir)? {
        let Some(number) = naming.number(&name, &shards.kind) else { continue };
        if !manifests.pack_hashes().contains_key(shards.name(&name).as_str()) {
            return Err(BatchError::Usage(format!(
                "{} exists but no manifest lists it, so its entries would be encoded a second time; use \
                 another --output, give its --manifest, or remove it",
                dir.join(name).display()
            )));
        }
        next = next.max(number.saturating_add(1));
    }
    Ok((naming, next))
}

/// Removes cuts without codes, which a process left that was killed between the renames of both.
fn remove_single_cuts(
    dir: &Path,
    naming: &PackNaming,
    kept: &[String],
    shards: &ShardSettings,
    manifests: &ManifestStore,
) -> Result<(), BatchError> {
    let written = |name: &str| manifests.pack_hashes().contains_key(name);
    let kept = kept.iter().map(|stem| PackNaming::fixed(stem).file_name(0, &shards.kind));
    let numbered = manifests.pack_hashes().keys().filter_map(|name| Path::new(&**name).file_name()?.to_str());
    let numbered = numbered.filter(|name| naming.number(name, &shards.kind).is_some()).map(str::to_owned);
    for name in kept.chain(numbered) {
        let codes = dir.join(&name);
        if let Some(cuts) = shards.kind.cuts_of(&codes)
            && written(&shards.name(&name))
            && cuts.exists()
            && !codes.exists()
        {
            fs::remove_file(&cuts).map_err(|error| BatchError::write(&cuts, error))?;
        }
    }
    Ok(())
}

/// Names of the files in a directory; none if it is missing.
fn file_names(dir: &Path) -> Result<Vec<String>, BatchError> {
    let files = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        files => files.map_err(|error| BatchError::read(dir, error))?,
    };
    let name = |file: io::Result<fs::DirEntry>| Ok(file?.file_name().to_string_lossy().into_owned());
    files.map(name).collect::<io::Result<_>>().map_err(|error| BatchError::read(dir, error))
}

/// Collects entries from all workers.
pub(crate) struct Packer<'a> {
    /// The shard with the entries of all files, and for each data set that keeps its shards the one with its
    /// entries.
    open: Mutex<HashMap<Option<usize>, OpenShard>>,
    /// Directory of the shards.
    dir: PathBuf,
    staging_dir: PathBuf,
    shards: &'a ShardSettings,
    /// Stems of the shards that keep their names.
    kept: Vec<String>,
    manifests: &'a ManifestStore,
    /// Set when the size of the shards was predicted.
    is_predicted: AtomicBool,
}

struct OpenShard {
    writer: PackWriter,
    entries: Vec<WaitingEntry>,
}

/// Entry in a shard that is not complete yet.
pub(crate) struct WaitingEntry {
    pub(crate) state: JobState,
    pub(crate) description: String,
}

/// Entry whose shard is complete or lost.
pub(crate) struct SettledEntry {
    pub(crate) state: JobState,
    /// Its record and description.
    pub(crate) result: Result<(Record, String), BatchError>,
}

impl<'a> Packer<'a> {
    /// Opens a pack in the output directory; `None` in a dry run, which only checks the existing shards.
    pub(crate) fn open(
        shards: &'a ShardSettings,
        options: &BatchOptions,
        staging: Option<&StagingDir>,
        kept: Vec<String>,
        manifests: &'a ManifestStore,
    ) -> Result<Option<Self>, BatchError> {
        let (naming, next) = shard_numbering(options, shards, !kept.is_empty(), manifests)?;
        let Some(staging) = staging else { return Ok(None) };
        let dir = shards.dir(&options.output_dir);
        remove_single_cuts(&dir, &naming, &kept, shards, manifests)?;
        let writer = PackWriter::new(&dir, shards.kind.clone(), naming, shards.limits)?
            .starting_at(next)
            .arranged(shards.layout.clone())
            .staged_in(staging.path());
        let open = OpenShard { writer, entries: Vec::new() };
        Ok(Some(Self {
            open: Mutex::new(HashMap::from([(None, open)])),
            dir,
            staging_dir: staging.path().to_owned(),
            shards,
            kept,
            manifests,
            is_predicted: AtomicBool::new(false),
        }))
    }

    /// Adds an entry and returns the entries that are settled now: all of a shard if this one completes it or
    /// writing it fails, or only this one if the pack cannot contain it.
    pub(crate) fn add(
        &self,
        key: &SampleKey,
        entry: WaitingEntry,
        tokens: TokenFile,
        passed: &Passed,
    ) -> Vec<SettledEntry> {
        let Ok(mut open) = self.open.lock() else {
            let error = BatchError::internal("the open shard is lost");
            return fail_all(vec![entry], &error);
        };
        let is_kept = entry.state.job.kept.as_ref().is_some_and(|kept| !kept.is_complete);
        let source = entry.state.job.source.filter(|_| is_kept);
        let open = match open.entry(source) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(vacant) => match self.kept_writer(source) {
                Ok(writer) => vacant.insert(OpenShard { writer, entries: Vec::new() }),
                Err(error) => return fail_all(vec![entry], &error.into()),
            },
        };
        let input = entry.state.job.input.display().to_string();
        match open.writer.add_row(key, &input, tokens, passed) {
            Ok(shards) => {
                // The entry is in the last shard if that is complete, and else starts the open one.
                let mut settled = Vec::new();
                let is_open = open.writer.open_shard().is_some();
                let last = shards.len().saturating_sub(usize::from(!is_open));
                let mut entry = Some(entry);
                for (index, shard) in shards.into_iter().enumerate() {
                    if index == last {
                        open.entries.extend(entry.take());
                    }
                    settled.extend(self.settle(shard, std::mem::take(&mut open.entries)));
                }
                open.entries.extend(entry);
                settled
            }
            Err(error @ PackError::Shard { .. }) => {
                let mut entries = std::mem::take(&mut open.entries);
                entries.push(entry);
                fail_all(entries, &error.into())
            }
            Err(error) => fail_all(vec![entry], &error.into()),
        }
    }

    /// Writer of the shard of a data set.
    fn kept_writer(&self, source: Option<usize>) -> Result<PackWriter, PackError> {
        let stem = source.and_then(|source| self.kept.get(source)).map(String::as_str).unwrap_or_default();
        let mut limits = PackLimits::default();
        (limits.max_entries, limits.max_bytes, limits.max_age) = (NonZeroUsize::MAX, u64::MAX, None);
        let kind = self.shards.kind.clone();
        let writer = PackWriter::new(&self.dir, kind, PackNaming::fixed(stem), limits)?;
        Ok(writer.staged_in(&self.staging_dir).arranged(self.shards.layout.clone()))
    }

    /// Completes the open shard of all files, if any, and returns its entries. The shards of data sets that
    /// were not read to their end are discarded.
    pub(crate) fn finish(&self) -> Vec<SettledEntry> {
        self.close(None, PackWriter::finish)
    }

    /// Completes the shard of a data set whose rows were all worked on, and returns its entries.
    pub(crate) fn finish_kept(&self, source: usize) -> Vec<SettledEntry> {
        if source < self.kept.len() { self.close(Some(source), PackWriter::finish) } else { Vec::new() }
    }

    /// Completes the open shard if it has reached its age limit, and returns its entries.
    pub(crate) fn close_due(&self) -> Vec<SettledEntry> {
        self.close(None, PackWriter::finish_due)
    }

    fn close(
        &self,
        source: Option<usize>,
        finish: impl FnOnce(&mut PackWriter) -> Result<Option<FinishedShard>, PackError>,
    ) -> Vec<SettledEntry> {
        let Ok(mut open) = self.open.lock() else { return Vec::new() };
        let Some(shard) = open.get_mut(&source) else { return Vec::new() };
        let settled = match finish(&mut shard.writer) {
            Ok(None) => Vec::new(),
            Ok(Some(finished)) => self.settle(finished, std::mem::take(&mut shard.entries)),
            Err(error) => fail_all(std::mem::take(&mut shard.entries), &error.into()),
        };
        if source.is_some() {
            open.remove(&source);
        }
        settled
    }

    /// Time until the age of the open shard is checked again.
    pub(crate) fn tick(&self) -> Duration {
        self.shards.limits.max_age.map_or(MAX_TICK, |age| (age / 8).clamp(Duration::from_millis(1), MAX_TICK))
    }

    /// Warning that shards will be closed by their age long before they are full, once, as soon as the speed
    /// is known. `jobs_left` is the number of jobs that have no result yet.
    pub(crate) fn speed_warning(&self, jobs_left: usize) -> Option<String> {
        if self.is_predicted.load(Ordering::Relaxed) {
            return None;
        }
        let shard = self.open.lock().ok()?.get(&None)?.writer.open_shard()?;
        if shard.age < SPEED_KNOWN_AFTER {
            return None;
        }
        self.is_predicted.store(true, Ordering::Relaxed);
        age_warning(shard, &self.shards.limits, jobs_left)
    }

    /// Appends the records of a complete shard, then renames it into place.
    fn settle(&self, shard: FinishedShard, entries: Vec<WaitingEntry>) -> Vec<SettledEntry> {
        let info = shard.info();
        let name = info.path.file_name().map(|name| self.shards.name(&name.to_string_lossy()));
        let record = |entry: &WaitingEntry| {
            let file = Fingerprint { bytes: info.bytes, sha256: info.sha256.clone() };
            Record {
                pack: name.as_deref().map(Into::into),
                output: Some(info.path.display().to_string().into()),
                ..entry.state.record_of_output(file)
            }
        };
        let records: Vec<_> = entries.iter().map(record).collect();
        let persisted = self.manifests.append(&records).and_then(|()| Ok(shard.persist_new()?));
        if let Err(error) = persisted {
            return fail_all(entries, &error);
        }
        let settled = |(WaitingEntry { state, description }, record)| SettledEntry {
            state,
            result: Ok((record, description)),
        };
        entries.into_iter().zip(records).map(settled).collect()
    }
}

/// Warning about a shard that its age limit will close before it has the requested number of entries.
fn age_warning(shard: OpenShardInfo, limits: &PackLimits, jobs_left: usize) -> Option<String> {
    let max_age = limits.max_age?;
    let growth = max_age.as_secs_f64() / shard.age.as_secs_f64();
    let (entries, bytes) = (shard.entries as f64 * growth, shard.bytes as f64 * growth);
    let wanted = limits.max_entries.get();
    if entries >= wanted.min(jobs_left) as f64 || bytes >= limits.max_bytes as f64 {
        return None;
    }
    Some(format!(
        "warning: at this speed a shard gets about {entries:.0} of {wanted} entries (--pack-entries) before \
         it is closed after {} minutes; --max-shard-minutes M gives larger shards, of which a kill loses \
         more",
        max_age.as_secs_f64() / 60.0
    ))
}

/// Fails all entries of a shard with the same error.
fn fail_all(entries: Vec<WaitingEntry>, error: &BatchError) -> Vec<SettledEntry> {
    let text = error_text(error);
    let copy = || {
        if error.is_fatal() { BatchError::Fatal(text.clone()) } else { BatchError::Job(text.clone()) }
    };
    entries.into_iter().map(|entry| SettledEntry { state: entry.state, result: Err(copy()) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_that_their_age_limit_closes_are_predicted() {
        let mut limits = PackLimits::default();
        let warning = |limits: &PackLimits, entries: usize, bytes: u64, jobs_left: usize| {
            let age = Duration::from_secs(60);
            age_warning(OpenShardInfo { entries, bytes, age }, limits, jobs_left)
        };
        // 10 minutes at 50 entries per minute give 500 of 1,000.
        let text = warning(&limits, 50, 50_000, 5000).unwrap();
        assert!(text.contains("about 500 of 1000 entries"), "{text}");
        assert!(text.contains("after 10 minutes"), "{text}");
        assert!(text.contains("--pack-entries") && text.contains("--max-shard-minutes"));
        // Fast enough, fewer jobs than entries, full by its size, without an age limit.
        assert_eq!(warning(&limits, 100, 100_000, 5000), None);
        assert_eq!(warning(&limits, 50, 50_000, 500), None);
        assert_eq!(warning(&limits, 50, 100_000_000, 5000), None);
        limits.max_age = None;
        assert_eq!(warning(&limits, 50, 50_000, 5000), None);
    }
}
