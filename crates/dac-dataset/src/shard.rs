//! Shards of a data set, from the first entry to the file under its name.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dac_atomic::FinishedFile;
use dac_tokens::IntegerType;

use crate::error::PackError;
use crate::pack_kind::PackKind;
use crate::parquet::{ParquetShard, Row};
use crate::sample_key::SampleKey;
use crate::shar::{SharEntry, SharShard};
use crate::tar::{Members, TarShard};

/// Description of a complete shard.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardInfo {
    /// Path of the file.
    pub path: PathBuf,
    /// Keys of its entries, in order.
    pub keys: Vec<SampleKey>,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
}

/// Progress of the shard that is being filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenShardInfo {
    /// Number of its entries.
    pub entries: usize,
    /// Size of the file in bytes if it were finished now.
    pub bytes: u64,
    /// Time since its first entry.
    pub age: Duration,
}

/// A complete shard on disk that does not have its name yet. Dropping it removes it.
#[derive(Debug)]
#[must_use = "a shard that is not persisted is removed"]
pub struct FinishedShard {
    info: ShardInfo,
    file: FinishedFile,
    /// Cuts of a shard of Shar.
    cuts: Option<FinishedFile>,
}

impl FinishedShard {
    /// Description of the shard, with the path that it will have.
    pub fn info(&self) -> &ShardInfo {
        &self.info
    }

    /// Renames the shard to its path, where it replaces an existing file.
    ///
    /// # Errors
    /// Fails if the path cannot be written; the shard is removed.
    pub fn persist(self) -> Result<ShardInfo, PackError> {
        self.rename(FinishedFile::persist)
    }

    /// Renames the shard to its path, which must not exist.
    ///
    /// # Errors
    /// Fails if the path exists or cannot be written; the shard is removed.
    pub fn persist_new(self) -> Result<ShardInfo, PackError> {
        self.rename(FinishedFile::persist_new)
    }

    /// Renames the cuts first: where there is a shard, there are its cuts.
    fn rename(self, rename: fn(FinishedFile) -> io::Result<()>) -> Result<ShardInfo, PackError> {
        let Self { info, file, cuts } = self;
        if let Some(Err(source)) = cuts.map(rename) {
            let path = PackKind::Shar(IntegerType::default()).cuts_of(&info.path).unwrap_or(info.path);
            return Err(PackError::Shard { path, keys: info.keys, source });
        }
        match rename(file) {
            Ok(()) => Ok(info),
            Err(source) => Err(PackError::Shard { path: info.path, keys: info.keys, source }),
        }
    }
}

/// The shard being filled.
pub(crate) struct OpenShard {
    path: PathBuf,
    keys: Vec<SampleKey>,
    /// The same keys, for lookup.
    key_set: HashSet<SampleKey>,
    file: ShardFile,
    opened: Instant,
}

/// The file of an open shard.
pub(crate) enum ShardFile {
    Tar(TarShard),
    Parquet(Box<ParquetShard>),
    Shar(Box<SharShard>),
}

/// An entry, converted for its shard.
pub(crate) enum Entry {
    Members(Members),
    Row(Box<Row>),
    Shar(Box<SharEntry>),
}

impl OpenShard {
    pub(crate) fn new(path: PathBuf, file: ShardFile) -> Self {
        Self { path, keys: Vec::new(), key_set: HashSet::new(), file, opened: Instant::now() }
    }

    /// Size of its files in bytes if they were finished now.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.file {
            ShardFile::Tar(shard) => shard.bytes(),
            ShardFile::Parquet(shard) => shard.bytes(),
            ShardFile::Shar(shard) => shard.bytes(),
        }
    }

    pub(crate) fn entries(&self) -> usize {
        self.keys.len()
    }

    /// Time since the shard was opened for its first entry.
    pub(crate) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    pub(crate) fn describe(&self) -> OpenShardInfo {
        OpenShardInfo { entries: self.entries(), bytes: self.bytes(), age: self.age() }
    }

    /// Reports whether an entry has the columns of the shard.
    pub(crate) fn accepts(&self, entry: &Entry) -> bool {
        match (&self.file, entry) {
            (ShardFile::Parquet(shard), Entry::Row(row)) => shard.accepts(row),
            _ => true,
        }
    }

    /// Fails if the shard already contains the key.
    pub(crate) fn check_is_new(&self, key: &SampleKey) -> Result<(), PackError> {
        if !self.key_set.contains(key) {
            return Ok(());
        }
        let shard = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Err(PackError::Duplicate { key: key.clone(), shard })
    }

    pub(crate) fn add(&mut self, key: &SampleKey, entry: Entry) -> Result<(), PackError> {
        self.keys.push(key.clone());
        self.key_set.insert(key.clone());
        let added = match (&mut self.file, entry) {
            (ShardFile::Tar(shard), Entry::Members(members)) => shard.add(key.as_str(), &members),
            (ShardFile::Parquet(shard), Entry::Row(row)) => shard.add(*row),
            (ShardFile::Shar(shard), Entry::Shar(entry)) => shard.add(&entry),
            _ => Err(io::Error::other("entry and shard have different types")),
        };
        added.map_err(|source| PackError::Shard {
            path: self.path.clone(),
            keys: std::mem::take(&mut self.keys),
            source,
        })
    }

    pub(crate) fn finish(self) -> Result<FinishedShard, PackError> {
        let Self { path, keys, file, .. } = self;
        let finished = match file {
            ShardFile::Tar(shard) => shard.finish().map(|writer| (writer, None)),
            ShardFile::Parquet(shard) => shard.finish().map(|writer| (writer, None)),
            ShardFile::Shar(shard) => shard.finish().map(|(writer, cuts)| (writer, Some(cuts))),
        };
        match finished.and_then(|(writer, cuts)| Ok((writer.finish()?, cuts))) {
            Ok(((file, bytes, sha256), cuts)) => {
                Ok(FinishedShard { info: ShardInfo { path, keys, bytes, sha256 }, file, cuts })
            }
            Err(source) => Err(PackError::Shard { path, keys, source }),
        }
    }
}
