//! Packed outputs: entries wait until their shard is complete; then its records are appended and it gets its
//! name.

use std::io::ErrorKind;
use std::sync::Mutex;

use dac::tokens::{Format, TokenFile, WriteOptions};
use dac_dataset::{FinishedShard, PackError, PackKind, PackLimits, PackNaming, PackWriter, SampleKey};

use crate::error::{BatchError, error_text};
use crate::file_stamp::Fingerprint;
use crate::job_record::JobState;
use crate::manifest::Record;
use crate::manifest_store::ManifestStore;
use crate::options::BatchOptions;
use crate::staging::StagingDir;

/// File format of the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackFormat {
    /// WebDataset tar archives of token files.
    Tar,
    /// Parquet files of codes.
    Parquet,
}

/// Collects the tokens in few large files instead of writing one file per input.
#[derive(Debug, Clone, Copy)]
pub struct PackSettings {
    /// File format of the shards.
    pub format: PackFormat,
    /// Size limits of a shard.
    pub limits: PackLimits,
}

impl PackSettings {
    /// Kind and size limits of the shards for token files of this format.
    pub(crate) fn shards(self, format: Format, options: &WriteOptions) -> (PackKind, PackLimits) {
        let kind = match self.format {
            PackFormat::Tar => PackKind::Tar(format, options.clone()),
            PackFormat::Parquet => PackKind::Parquet(options.integer.unwrap_or_default()),
        };
        (kind, self.limits)
    }
}

/// Names of the shards that a run writes, and the number of the first one, after those in the output
/// directory. A shard that no manifest lists is an error: its entries would be encoded twice.
fn shard_numbering(
    options: &BatchOptions,
    kind: &PackKind,
    manifests: &ManifestStore,
) -> Result<(PackNaming, u64), BatchError> {
    let dir = &options.output_dir;
    let naming = match options.partition {
        Some(partition) => PackNaming::tagged(&partition.tag())?,
        None => PackNaming::default(),
    };
    let mut next = 0;
    let files = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((naming, next)),
        files => files.map_err(|error| BatchError::read(dir, error))?,
    };
    for file in files {
        let name = file.map_err(|error| BatchError::read(dir, error))?.file_name();
        let name = name.to_string_lossy();
        let Some(number) = naming.number(&name, kind.extension()) else { continue };
        if !manifests.pack_hashes().contains_key(name.as_ref()) {
            return Err(BatchError::Usage(format!(
                "{} exists but no manifest lists it, so its entries would be encoded a second time; use \
                 another --output, give its --manifest, or remove it",
                dir.join(name.as_ref()).display()
            )));
        }
        next = next.max(number.saturating_add(1));
    }
    Ok((naming, next))
}

/// Collects entries from all workers.
pub(crate) struct Packer<'a> {
    open: Mutex<OpenShard<'a>>,
    manifests: &'a ManifestStore,
}

struct OpenShard<'a> {
    writer: PackWriter,
    entries: Vec<WaitingEntry<'a>>,
}

/// Entry in a shard that is not complete yet.
pub(crate) struct WaitingEntry<'a> {
    pub(crate) state: JobState<'a>,
    pub(crate) description: String,
}

/// Entry whose shard is complete or lost.
pub(crate) struct SettledEntry<'a> {
    pub(crate) state: JobState<'a>,
    /// Its record and description.
    pub(crate) result: Result<(Record, String), BatchError>,
}

impl<'a> Packer<'a> {
    /// Opens a pack in the output directory; `None` in a dry run, which only checks the existing shards.
    pub(crate) fn open(
        (kind, limits): &(PackKind, PackLimits),
        options: &BatchOptions,
        staging: Option<&StagingDir>,
        manifests: &'a ManifestStore,
    ) -> Result<Option<Self>, BatchError> {
        let (naming, next) = shard_numbering(options, kind, manifests)?;
        let Some(staging) = staging else { return Ok(None) };
        let writer = PackWriter::new(&options.output_dir, kind.clone(), naming, *limits)?
            .starting_at(next)
            .staged_in(staging.path());
        let open = OpenShard { writer, entries: Vec::new() };
        Ok(Some(Self { open: Mutex::new(open), manifests }))
    }

    /// Adds an entry and returns the entries that are settled now: all of a shard if this one completes it or
    /// writing it fails, or only this one if the pack cannot contain it.
    pub(crate) fn add(
        &self,
        key: &SampleKey,
        entry: WaitingEntry<'a>,
        tokens: TokenFile,
    ) -> Vec<SettledEntry<'a>> {
        let Ok(mut open) = self.open.lock() else {
            let error = BatchError::internal("the open shard is lost");
            return fail_all(vec![entry], &error);
        };
        let input = entry.state.job.input.display().to_string();
        match open.writer.add(key, &input, tokens) {
            Ok(None) => {
                open.entries.push(entry);
                Vec::new()
            }
            Ok(Some(shard)) => {
                open.entries.push(entry);
                self.settle(shard, std::mem::take(&mut open.entries))
            }
            Err(error @ PackError::Shard { .. }) => {
                let mut entries = std::mem::take(&mut open.entries);
                entries.push(entry);
                fail_all(entries, &error.into())
            }
            Err(error) => fail_all(vec![entry], &error.into()),
        }
    }

    /// Completes the open shard, if any, and returns its entries.
    pub(crate) fn finish(&self) -> Vec<SettledEntry<'a>> {
        let Ok(mut open) = self.open.lock() else { return Vec::new() };
        let entries = std::mem::take(&mut open.entries);
        match open.writer.finish() {
            Ok(Some(shard)) => self.settle(shard, entries),
            Ok(None) => Vec::new(),
            Err(error) => fail_all(entries, &error.into()),
        }
    }

    /// Appends the records of a complete shard, then renames it into place.
    fn settle(&self, shard: FinishedShard, entries: Vec<WaitingEntry<'a>>) -> Vec<SettledEntry<'a>> {
        let info = shard.info();
        let record = |entry: &WaitingEntry<'_>| {
            let file = Fingerprint { bytes: info.bytes, sha256: info.sha256.clone() };
            Record {
                pack: info.path.file_name().map(|name| name.to_string_lossy().into()),
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

/// Fails all entries of a shard with the same error.
fn fail_all<'a>(entries: Vec<WaitingEntry<'a>>, error: &BatchError) -> Vec<SettledEntry<'a>> {
    let text = error_text(error);
    let copy = || {
        if error.is_fatal() { BatchError::Fatal(text.clone()) } else { BatchError::Job(text.clone()) }
    };
    entries.into_iter().map(|entry| SettledEntry { state: entry.state, result: Err(copy()) }).collect()
}
