//! The writer of a data set: fills shards of bounded size one after the other.

use std::collections::HashSet;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use dac_tokens::{Format, TokenFile, WriteOptions};

use crate::error::PackError;
use crate::hashing_writer::HashingWriter;
use crate::metadata::EntryMetadata;
use crate::naming::PackNaming;
use crate::parquet::{ParquetShard, Row};
use crate::sample_key::SampleKey;
use crate::tar::{Members, TarShard};

/// File type of the shards.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackKind {
    /// Tar archives for WebDataset, with token files of this format, written with these options.
    Tar(Format, WriteOptions),
    /// Parquet files, which store only codes.
    Parquet,
}

impl PackKind {
    /// File name extension of the shards, without the dot.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Tar(..) => "tar",
            Self::Parquet => "parquet",
        }
    }
}

/// Limits of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackLimits {
    /// Largest number of entries; a killed job loses at most as many.
    pub max_entries: NonZeroUsize,
    /// Size in bytes at which a shard is closed; the last entry may exceed it.
    pub max_bytes: u64,
}

impl Default for PackLimits {
    /// 1,000 entries and 1 GB.
    fn default() -> Self {
        Self { max_entries: NonZeroUsize::MIN.saturating_add(999), max_bytes: 1_000_000_000 }
    }
}

/// A finished shard, stored on disk under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClosedShard {
    /// Path of the file.
    pub path: PathBuf,
    /// Keys of its entries, in order.
    pub keys: Vec<SampleKey>,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
}

/// Writes tokens into shards in a folder. Dropping it without [`PackWriter::finish`] discards the open shard.
pub struct PackWriter {
    folder: PathBuf,
    kind: PackKind,
    naming: PackNaming,
    limits: PackLimits,
    next_number: u64,
    open: Option<OpenShard>,
}

/// The shard being filled.
struct OpenShard {
    name: String,
    path: PathBuf,
    keys: Vec<SampleKey>,
    /// The same keys, for lookup.
    key_set: HashSet<SampleKey>,
    file: ShardFile,
}

enum ShardFile {
    Tar(TarShard),
    Parquet(Box<ParquetShard>),
}

/// An entry, converted for its shard.
enum Entry {
    Members(Members),
    Row(Box<Row>),
}

impl PackWriter {
    /// Creates a writer whose first shard gets the number after the existing ones in `folder`.
    ///
    /// # Errors
    /// Fails if the folder cannot be listed.
    pub fn new(
        folder: &Path,
        kind: PackKind,
        naming: PackNaming,
        limits: PackLimits,
    ) -> Result<Self, PackError> {
        let next_number = naming.next_number(folder, kind.extension())?;
        Ok(Self { folder: folder.to_path_buf(), kind, naming, limits, next_number, open: None })
    }

    /// Sets the lowest number of a shard, for callers that move finished shards to another folder.
    #[must_use]
    pub fn starting_at(mut self, number: u64) -> Self {
        self.next_number = self.next_number.max(number);
        self
    }

    /// Adds tokens that were encoded from `input`. Returns the shard if this entry filled it, which means
    /// that all its entries are on disk.
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
    ) -> Result<Option<ClosedShard>, PackError> {
        if let Some(open) = self.open.as_ref().filter(|open| open.key_set.contains(key)) {
            return Err(PackError::Duplicate { key: key.clone(), shard: open.name.clone() });
        }
        let entry = self.convert(key, input, tokens)?;
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.create_shard(key)?,
        };
        open.add(key, entry)?;
        if open.keys.len() >= self.limits.max_entries.get() || open.bytes() >= self.limits.max_bytes {
            return open.close().map(Some);
        }
        self.open = Some(open);
        Ok(None)
    }

    /// Closes the open shard, if there is one.
    ///
    /// # Errors
    /// Fails if the shard cannot be written; its entries are lost.
    pub fn finish(&mut self) -> Result<Option<ClosedShard>, PackError> {
        self.open.take().map(OpenShard::close).transpose()
    }

    fn convert(&self, key: &SampleKey, input: &str, tokens: TokenFile) -> Result<Entry, PackError> {
        let metadata = EntryMetadata::new(key.as_str(), input, &tokens);
        match &self.kind {
            PackKind::Tar(format, options) => {
                let mut bytes = Vec::new();
                tokens.write_to(&mut bytes, *format, options)?;
                // Texts and numbers always convert to JSON.
                let json = serde_json::to_vec(&metadata)
                    .map_err(|e| PackError::Tokens(io::Error::from(e).into()))?;
                Ok(Entry::Members(Members { extension: format.extension(), tokens: bytes, json }))
            }
            PackKind::Parquet => Ok(Entry::Row(Box::new(Row::new(metadata, tokens)?))),
        }
    }

    fn create_shard(&mut self, first_key: &SampleKey) -> Result<OpenShard, PackError> {
        let name = self.naming.file_name(self.next_number, self.kind.extension());
        let path = self.folder.join(&name);
        let file = HashingWriter::create(&path).and_then(|writer| match self.kind {
            PackKind::Tar(..) => Ok(ShardFile::Tar(TarShard::new(writer))),
            PackKind::Parquet => Ok(ShardFile::Parquet(Box::new(ParquetShard::new(writer)?))),
        });
        match file {
            Ok(file) => {
                self.next_number += 1;
                Ok(OpenShard { name, path, keys: Vec::new(), key_set: HashSet::new(), file })
            }
            Err(source) => Err(PackError::Shard { path, keys: vec![first_key.clone()], source }),
        }
    }
}

impl OpenShard {
    fn bytes(&self) -> u64 {
        match &self.file {
            ShardFile::Tar(shard) => shard.bytes(),
            ShardFile::Parquet(shard) => shard.bytes(),
        }
    }

    fn add(&mut self, key: &SampleKey, entry: Entry) -> Result<(), PackError> {
        self.keys.push(key.clone());
        self.key_set.insert(key.clone());
        let added = match (&mut self.file, entry) {
            (ShardFile::Tar(shard), Entry::Members(members)) => shard.add(key, &members),
            (ShardFile::Parquet(shard), Entry::Row(row)) => shard.add(*row),
            _ => Err(io::Error::other("entry and shard have different types")),
        };
        added.map_err(|source| PackError::Shard {
            path: self.path.clone(),
            keys: std::mem::take(&mut self.keys),
            source,
        })
    }

    fn close(self) -> Result<ClosedShard, PackError> {
        let Self { path, keys, file, .. } = self;
        let writer = match file {
            ShardFile::Tar(shard) => shard.finish(),
            ShardFile::Parquet(shard) => shard.finish(),
        };
        match writer.and_then(HashingWriter::commit) {
            Ok((bytes, sha256)) => Ok(ClosedShard { path, keys, bytes, sha256 }),
            Err(source) => Err(PackError::Shard { path, keys, source }),
        }
    }
}
