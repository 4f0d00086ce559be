//! What the manifests say of results that lie there, and the one that is written.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context, Error, anyhow};
use dac_manifest::{Entries, Entry, MANIFEST_NAME, ManifestWriter, Record, manifests_in};

use super::stop::Halt;
use crate::args::FileArgs;

/// The manifests of an output folder as they were at the start, and this run's own, which grows.
#[derive(Debug)]
pub(crate) struct Ledger {
    known: Entries,
    /// The hashes that the manifests say of each pack.
    said: OnceLock<HashMap<Arc<str>, HashSet<Box<str>>>>,
    /// The packs that were looked at, by name: a pack is hashed once, not once an entry.
    packs: Mutex<HashMap<String, Pack>>,
    path: PathBuf,
    /// Opened at the first record, so that a run without any leaves nothing.
    writer: Mutex<Option<ManifestWriter>>,
}

/// What a pack of which the manifests tell is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pack {
    Missing,
    /// As one of the records says; what it hashes to.
    Whole(String),
    /// As none of them says.
    Damaged,
}

/// What is known of the entry of a pack.
#[derive(Debug)]
pub(crate) enum Packed<'a> {
    /// It is to be made.
    Absent,
    /// It is in the pack, which is whole.
    Whole(&'a Entry),
    /// Its pack was changed.
    Damaged(PathBuf),
}

/// Size and hash of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl Ledger {
    /// Reads every manifest of the output folder, the one of `--manifest` or of this shard last.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn open(args: &FileArgs) -> Result<Self, Error> {
        let folder = args.folder()?;
        let path = args.batch.manifest.clone().unwrap_or_else(|| match args.batch.shard {
            Some(shard) => folder.join(shard.manifest_name()),
            None => folder.join(MANIFEST_NAME),
        });
        let mut known = Entries::default();
        for (_, other) in manifests_in(folder)?.iter().filter(|(_, other)| *other != path) {
            known.read(other)?;
        }
        if path.exists() {
            known.read(&path)?;
        }
        Ok(Self { known, said: OnceLock::new(), packs: Mutex::default(), path, writer: Mutex::default() })
    }

    /// Lines of the manifests that are no records, for people.
    pub(crate) fn remark(&self) -> Option<String> {
        let lines = self.known.unreadable_lines();
        (lines > 0).then(|| format!("{lines} lines of the manifests are cut or no records and do not count"))
    }

    /// What is known of a result that lies at `path`: its entry, if the file is still the one that was made.
    pub(crate) fn proven(&self, key: &str, path: &Path) -> Option<&Entry> {
        let entry = self.known.get(key).filter(|entry| entry.done)?;
        is_file_of(path, entry.output_bytes, entry.output_sha256.as_deref()).then_some(entry)
    }

    /// Whether a pack of this name is known.
    pub(crate) fn has_pack(&self, name: &str) -> bool {
        self.said().contains_key(name)
    }

    fn said(&self) -> &HashMap<Arc<str>, HashSet<Box<str>>> {
        self.said.get_or_init(|| self.known.packs())
    }

    /// What is known of an entry of a pack in `folder`. A record of a pack that is there, whole, and hashes to something else is of
    /// one that never got its name: then the name was free for the next.
    ///
    /// # Errors
    /// When a worker died over a pack.
    pub(crate) fn packed(&self, key: &str, folder: &Path) -> Result<Packed<'_>, Error> {
        let entry = self.known.get(key).filter(|entry| entry.done);
        let Some((entry, name)) = entry.and_then(|entry| Some((entry, entry.pack.as_deref()?))) else {
            return Ok(Packed::Absent);
        };
        let path = folder.join(name);
        let mut packs = self.packs.lock().map_err(|_| anyhow!("the packs are lost"))?;
        let pack = packs.entry(name.to_owned()).or_insert_with(|| self.look_at(name, &path));
        Ok(match pack {
            Pack::Whole(sha256) if entry.output_sha256.as_deref() == Some(sha256) => Packed::Whole(entry),
            Pack::Missing | Pack::Whole(_) => Packed::Absent,
            Pack::Damaged => Packed::Damaged(path),
        })
    }

    fn look_at(&self, name: &str, path: &Path) -> Pack {
        if fs::symlink_metadata(path).is_err() {
            return Pack::Missing;
        }
        match fingerprint(path) {
            Ok(found) if self.said().get(name).is_some_and(|said| said.contains(found.sha256.as_str())) => {
                Pack::Whole(found.sha256)
            }
            _ => Pack::Damaged,
        }
    }

    /// Appends records and brings them to the disk.
    ///
    /// # Errors
    /// [`Halt`] when they cannot be written.
    pub(crate) fn append<'r>(&self, records: impl IntoIterator<Item = &'r Record>) -> Result<(), Error> {
        self.write(records).map_err(|error| Halt::of(&error).into())
    }

    fn write<'r>(&self, records: impl IntoIterator<Item = &'r Record>) -> Result<(), Error> {
        let mut writer = self.writer.lock().map_err(|_| anyhow!("the manifest's writer is lost"))?;
        let writer = match &mut *writer {
            Some(writer) => writer,
            none => none.insert(ManifestWriter::open(&self.path).context("no record could be kept")?),
        };
        Ok(writer.append(records)?)
    }
}

/// Whether the file at `path` still has the size, where it is known, and the hash that a manifest says.
pub(crate) fn is_file_of(path: &Path, bytes: Option<u64>, sha256: Option<&str>) -> bool {
    // The size first: it is cheap, and a hash is not.
    let Ok(found) = fs::metadata(path) else { return false };
    let same_size = found.is_file() && bytes.is_none_or(|bytes| bytes == found.len());
    same_size && fingerprint(path).is_ok_and(|found| sha256 == Some(found.sha256.as_str()))
}

/// Size and hash of the file at `path`.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn fingerprint(path: &Path) -> io::Result<Fingerprint> {
    Ok(Fingerprint { bytes: fs::metadata(path)?.len(), sha256: dac::sha256_of_file(path)? })
}
