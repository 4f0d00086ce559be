//! The writer of a pack: a shard after another, each of bounded size.

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

/// What shards are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackKind {
    /// WebDataset's tar archives, with token files of this format, written with these options.
    Tar(Format, WriteOptions),
    /// Parquet files; they hold codes alone.
    Parquet,
}

impl PackKind {
    /// Extension of the shards' names, without the dot.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Tar(..) => "tar",
            Self::Parquet => "parquet",
        }
    }
}

/// How large a shard may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackLimits {
    /// Most entries of a shard: what a job that is killed loses at most.
    pub max_entries: NonZeroUsize,
    /// A shard that has come to so many bytes is closed: it is larger by less than its last entry.
    pub max_bytes: u64,
}

impl Default for PackLimits {
    /// 1,000 entries, a gigabyte.
    fn default() -> Self {
        Self { max_entries: NonZeroUsize::MIN.saturating_add(999), max_bytes: 1_000_000_000 }
    }
}

/// A shard that is on the disk under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClosedShard {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds, in its order.
    pub keys: Vec<SampleKey>,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
}

/// Puts tokens into shards in a folder. Dropped without [`PackWriter::finish`], it leaves the open shard unwritten.
pub struct PackWriter {
    folder: PathBuf,
    kind: PackKind,
    naming: PackNaming,
    limits: PackLimits,
    next_number: u64,
    open: Option<Open>,
}

/// The shard that is being filled.
struct Open {
    name: String,
    path: PathBuf,
    keys: Vec<SampleKey>,
    held: HashSet<SampleKey>,
    content: Content,
}

enum Content {
    Tar(TarShard),
    Parquet(Box<ParquetShard>),
}

/// An entry, ready to be written.
enum Entry {
    Members(Members),
    Row(Box<Row>),
}

impl PackWriter {
    /// A writer whose first shard is numbered after those that are in `folder` under such names.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn new(
        folder: &Path,
        kind: PackKind,
        naming: PackNaming,
        limits: PackLimits,
    ) -> Result<Self, PackError> {
        let next_number = naming.next_number(folder, kind.extension())?;
        Ok(Self { folder: folder.to_path_buf(), kind, naming, limits, next_number, open: None })
    }

    /// The same writer with `number` as the lowest that a shard gets: shards need not stay in the folder where they are made.
    #[must_use]
    pub fn starting_at(mut self, number: u64) -> Self {
        self.next_number = self.next_number.max(number);
        self
    }

    /// Adds the tokens that were encoded from `input`. Gives the shard if it became full by it: then all that it holds, these
    /// tokens among it, is on the disk.
    ///
    /// # Errors
    /// When the pack cannot hold these tokens or has the key already: then nothing else is touched. When writing fails
    /// ([`PackError::Shard`]): then all of the open shard is lost, and the next entry begins a new one.
    pub fn add(
        &mut self,
        key: &SampleKey,
        input: &str,
        tokens: TokenFile,
    ) -> Result<Option<ClosedShard>, PackError> {
        if let Some(open) = self.open.as_ref().filter(|open| open.held.contains(key)) {
            return Err(PackError::Duplicate { key: key.clone(), shard: open.name.clone() });
        }
        let entry = self.entry(key, input, tokens)?;
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin(key)?,
        };
        open.add(key, entry)?;
        if open.keys.len() >= self.limits.max_entries.get() || open.bytes() >= self.limits.max_bytes {
            return open.close().map(Some);
        }
        self.open = Some(open);
        Ok(None)
    }

    /// Closes the open shard, however little is in it.
    ///
    /// # Errors
    /// When it cannot be written; what had been put into it is lost.
    pub fn finish(&mut self) -> Result<Option<ClosedShard>, PackError> {
        self.open.take().map(Open::close).transpose()
    }

    fn entry(&self, key: &SampleKey, input: &str, tokens: TokenFile) -> Result<Entry, PackError> {
        let facts = EntryMetadata::of(key.as_str(), input, &tokens);
        match &self.kind {
            PackKind::Tar(format, options) => {
                let mut bytes = Vec::new();
                tokens.write_to(&mut bytes, *format, options)?;
                // Text and numbers: nothing in it that JSON could not hold.
                let json =
                    serde_json::to_vec(&facts).map_err(|e| PackError::Tokens(io::Error::from(e).into()))?;
                Ok(Entry::Members(Members { extension: format.extension(), tokens: bytes, json }))
            }
            PackKind::Parquet => Ok(Entry::Row(Box::new(Row::new(facts, tokens)?))),
        }
    }

    fn begin(&mut self, key: &SampleKey) -> Result<Open, PackError> {
        let name = self.naming.file_name(self.next_number, self.kind.extension());
        let path = self.folder.join(&name);
        let content = HashingWriter::create(&path).and_then(|sink| match self.kind {
            PackKind::Tar(..) => Ok(Content::Tar(TarShard::new(sink))),
            PackKind::Parquet => Ok(Content::Parquet(Box::new(ParquetShard::new(sink)?))),
        });
        match content {
            Ok(content) => {
                self.next_number += 1;
                Ok(Open { name, path, keys: Vec::new(), held: HashSet::new(), content })
            }
            Err(source) => Err(PackError::Shard { path, keys: vec![key.clone()], source }),
        }
    }
}

impl Open {
    fn bytes(&self) -> u64 {
        match &self.content {
            Content::Tar(shard) => shard.bytes(),
            Content::Parquet(shard) => shard.bytes(),
        }
    }

    fn add(&mut self, key: &SampleKey, entry: Entry) -> Result<(), PackError> {
        self.keys.push(key.clone());
        self.held.insert(key.clone());
        let added = match (&mut self.content, entry) {
            (Content::Tar(shard), Entry::Members(members)) => shard.add(key, &members),
            (Content::Parquet(shard), Entry::Row(row)) => shard.add(*row),
            _ => Err(io::Error::other("an entry of another kind")),
        };
        added.map_err(|source| PackError::Shard {
            path: self.path.clone(),
            keys: std::mem::take(&mut self.keys),
            source,
        })
    }

    fn close(self) -> Result<ClosedShard, PackError> {
        let Self { path, keys, content, .. } = self;
        let sink = match content {
            Content::Tar(shard) => shard.finish(),
            Content::Parquet(shard) => shard.finish(),
        };
        match sink.and_then(HashingWriter::commit) {
            Ok((bytes, sha256)) => Ok(ClosedShard { path, keys, bytes, sha256 }),
            Err(source) => Err(PackError::Shard { path, keys, source }),
        }
    }
}
