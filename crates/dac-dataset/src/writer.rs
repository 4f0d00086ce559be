//! The writer of a data set: fills shards of bounded size one after the other.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dac_atomic::AtomicFile;
use dac_tokens::{LayoutSettings, TokenFile};
use serde::Serialize;

use crate::error::PackError;
use crate::hashing_writer::HashingWriter;
use crate::metadata::{EntryMetadata, METADATA_EXTENSION};
use crate::naming::PackNaming;
use crate::pack_kind::PackKind;
use crate::parquet::{ParquetShard, Row, cells_of};
use crate::passed::{Member, Passed};
use crate::sample_key::SampleKey;
use crate::shar::{SharEntry, SharShard};
use crate::shard::{Entry, FinishedShard, OpenShard, OpenShardInfo, ShardFile};
use crate::tar::TarShard;

/// Limits of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackLimits {
    /// Largest number of entries; a killed job loses at most as many.
    pub max_entries: NonZeroUsize,
    /// Size in bytes at which a shard is closed; the last entry may exceed it.
    pub max_bytes: u64,
    /// Time after its first entry at which a shard is closed; `None` for no limit.
    pub max_age: Option<Duration>,
}

impl Default for PackLimits {
    /// 1,000 entries, 1 GB and 10 minutes.
    fn default() -> Self {
        Self {
            max_entries: NonZeroUsize::MIN.saturating_add(999),
            max_bytes: 1_000_000_000,
            max_age: Some(Duration::from_secs(600)),
        }
    }
}

/// Writes tokens into shards of a directory. Dropping it without [`PackWriter::finish`] removes the open
/// shard.
pub struct PackWriter {
    folder: PathBuf,
    staging_dir: Option<PathBuf>,
    kind: PackKind,
    naming: PackNaming,
    limits: PackLimits,
    layout: Option<LayoutSettings>,
    next_number: u64,
    open: Option<OpenShard>,
}

impl PackWriter {
    /// Creates a writer whose first shard gets the number after the existing ones in `folder`.
    ///
    /// # Errors
    /// Fails if the directory exists and cannot be listed.
    pub fn new(
        folder: &Path,
        kind: PackKind,
        naming: PackNaming,
        limits: PackLimits,
    ) -> Result<Self, PackError> {
        let next_number = naming.next_number(folder, &kind)?;
        let folder = folder.to_path_buf();
        Ok(Self { folder, staging_dir: None, kind, naming, limits, layout: None, next_number, open: None })
    }

    /// Sets the directory in which shards have their temporary names; by default, that is their directory.
    #[must_use]
    pub fn staged_in(mut self, staging_dir: &Path) -> Self {
        self.staging_dir = Some(staging_dir.to_path_buf());
        self
    }

    /// Sets the layout of the codes; by default they are `[channels, codebooks, frames]`. The metadata
    /// describe the codes before they are arranged.
    #[must_use]
    pub fn arranged(mut self, layout: Option<LayoutSettings>) -> Self {
        self.layout = layout;
        self
    }

    /// Sets the lowest number of a shard, for callers that reserve lower ones.
    #[must_use]
    pub fn starting_at(mut self, number: u64) -> Self {
        self.next_number = self.next_number.max(number);
        self
    }

    /// Adds tokens that were encoded from `input`. Returns the shard if this entry filled it.
    ///
    /// # Errors
    /// Fails if the shard cannot store the tokens or already contains the key; this affects no other entry.
    /// If writing fails ([`PackError::Shard`]), all entries of the open shard are lost, and the next entry
    /// starts a new one.
    pub fn add(
        &mut self,
        key: &SampleKey,
        input: &str,
        tokens: TokenFile,
    ) -> Result<Option<FinishedShard>, PackError> {
        Ok(self.add_row(key, input, tokens, &Passed::Nothing)?.pop())
    }

    /// Adds tokens together with what else their row contained. Returns the shards that are complete: the one
    /// that this entry filled, and the one before if the entry has other columns, which start a new shard.
    ///
    /// # Errors
    /// As [`PackWriter::add`].
    pub fn add_row(
        &mut self,
        key: &SampleKey,
        input: &str,
        tokens: TokenFile,
        passed: &Passed,
    ) -> Result<Vec<FinishedShard>, PackError> {
        if let Some(open) = &self.open {
            open.check_is_new(key)?;
        }
        let entry = self.convert(key, input, tokens, passed)?;
        let mut finished = Vec::new();
        if self.open.as_ref().is_some_and(|open| !open.accepts(&entry)) {
            finished.extend(self.finish()?);
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.create_shard(key, &entry)?,
        };
        open.add(key, entry)?;
        if open.entries() >= self.limits.max_entries.get() || open.bytes() >= self.limits.max_bytes {
            finished.push(open.finish()?);
            return Ok(finished);
        }
        self.open = Some(open);
        finished.extend(self.finish_due()?);
        Ok(finished)
    }

    /// Finishes the open shard if it has reached [`PackLimits::max_age`]. Called at intervals, it bounds what
    /// a killed process loses even if no entry is added.
    ///
    /// # Errors
    /// As [`PackWriter::finish`].
    pub fn finish_due(&mut self) -> Result<Option<FinishedShard>, PackError> {
        let is_due = |open: &OpenShard| self.limits.max_age.is_some_and(|max_age| open.age() >= max_age);
        if self.open.as_ref().is_some_and(is_due) { self.finish() } else { Ok(None) }
    }

    /// Describes the open shard, if there is one.
    pub fn open_shard(&self) -> Option<OpenShardInfo> {
        self.open.as_ref().map(OpenShard::describe)
    }

    /// Finishes the open shard, if there is one.
    ///
    /// # Errors
    /// Fails if the shard cannot be written; its entries are lost.
    pub fn finish(&mut self) -> Result<Option<FinishedShard>, PackError> {
        self.open.take().map(OpenShard::finish).transpose()
    }

    fn convert(
        &self,
        key: &SampleKey,
        input: &str,
        mut tokens: TokenFile,
        passed: &Passed,
    ) -> Result<Entry, PackError> {
        let metadata = EntryMetadata::new(key.as_str(), input, &tokens);
        if let (Some(layout), Some(codes)) = (&self.layout, &tokens.codes) {
            tokens.codes = Some(layout.arrange(codes, tokens.meta.codebook_size)?);
        }
        match &self.kind {
            PackKind::Tar(format, options) => {
                let mut bytes = Vec::new();
                tokens.write_to(&mut bytes, *format, options)?;
                let mut members = members_of(passed)?;
                // A row with fields of its own keeps the name of its JSON.
                let name = if matches!(passed, Passed::Nothing) { "json" } else { METADATA_EXTENSION };
                for (extension, content) in [(format.extension(), bytes), (name, to_json(&metadata)?)] {
                    if members.iter().any(|member| member.extension == extension) {
                        return Err(PackError::Member { extension: extension.to_owned() });
                    }
                    members.push(Member { extension: extension.to_owned(), content });
                }
                Ok(Entry::Members(members))
            }
            PackKind::Parquet(_) => Ok(Entry::Row(Box::new(Row::new(metadata, tokens, cells_of(passed))?))),
            PackKind::Shar(integer) => {
                let layout = self.layout.as_ref();
                Ok(Entry::Shar(Box::new(SharEntry::new(key, &metadata, &tokens, passed, *integer, layout)?)))
            }
        }
    }

    fn create_shard(&mut self, first_key: &SampleKey, first: &Entry) -> Result<OpenShard, PackError> {
        let path = self.folder.join(self.naming.file_name(self.next_number, &self.kind));
        let create = |path: &Path| {
            let file = match &self.staging_dir {
                Some(staging_dir) => AtomicFile::create_in(staging_dir, path),
                None => AtomicFile::create(path),
            };
            file.map(HashingWriter::new)
        };
        let columns = match first {
            Entry::Row(row) => row.columns(),
            Entry::Members(_) | Entry::Shar(_) => None,
        };
        let file = create(&path).and_then(|writer| match self.kind {
            PackKind::Tar(..) => Ok(ShardFile::Tar(TarShard::new(writer))),
            PackKind::Parquet(integer) => {
                Ok(ShardFile::Parquet(Box::new(ParquetShard::new(writer, integer, columns)?)))
            }
            PackKind::Shar(_) => {
                let cuts = self.kind.cuts_of(&path).unwrap_or_default();
                Ok(ShardFile::Shar(Box::new(SharShard::new(writer, create(&cuts)?))))
            }
        });
        let keys = vec![first_key.clone()];
        let file = file.map_err(|source| PackError::Shard { path: path.clone(), keys, source })?;
        self.next_number += 1;
        Ok(OpenShard::new(path, file))
    }
}

/// Members that pass through to a tar shard.
fn members_of(passed: &Passed) -> Result<Vec<Member>, PackError> {
    match passed {
        Passed::Nothing | Passed::Columns(_) => Ok(Vec::new()),
        Passed::Members(members) => Ok(members.clone()),
        Passed::Piece(passed) => members_of(passed),
        Passed::Fields(fields) => {
            Ok(vec![Member { extension: "json".to_owned(), content: to_json(fields)? }])
        }
    }
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, PackError> {
    serde_json::to_vec(value).map_err(PackError::json)
}
