//! What the manifests say of results that lie there, and the one that is written.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Error, anyhow};
use dac_manifest::{Entries, Entry, MANIFEST_NAME, ManifestWriter, Record, manifests_in};

use super::stop::Halt;
use crate::args::FileArgs;
use crate::exit::Usage;

/// The manifests of an output folder as they were at the start, and this run's own, which grows.
#[derive(Debug)]
pub(crate) struct Ledger {
    known: Entries,
    /// The hashes that the manifests say of each pack.
    said: OnceLock<HashMap<Arc<str>, HashSet<Box<str>>>>,
    /// The packs that were looked at, by name: a pack is hashed once, not once an entry.
    packs: Mutex<HashMap<String, Pack>>,
    /// None in a rehearsal.
    writer: Option<Mutex<ManifestWriter>>,
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
    /// Reads every manifest of the output folder, the one of `--manifest` or of this shard last, and opens that for what is to come:
    /// a run whose records cannot be kept does no work.
    ///
    /// # Errors
    /// When one cannot be read, this run's own cannot be written, or the file of `--manifest` is something else.
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
            let named = args.batch.manifest.is_some();
            if named && !path.is_file() {
                return Err(Usage(format!("--manifest {}: is no file", path.display())).into());
            }
            let records = known.read(&path)?;
            // Appending to a file that was named by mistake would spoil it.
            if named && records == 0 && fs::metadata(&path).is_ok_and(|found| found.len() > 0) {
                let why = "is no manifest, as no line of it is a record; it was left as it is";
                return Err(Usage(format!("--manifest {}: {why}", path.display())).into());
            }
        }
        let open = || {
            ManifestWriter::open(&path).map_err(|error| match &args.batch.manifest {
                Some(_) => Usage(format!("--manifest {error}")).into(),
                None => Error::from(error),
            })
        };
        let writer = if args.batch.dry_run { None } else { Some(Mutex::new(open()?)) };
        Ok(Self { known, said: OnceLock::new(), packs: Mutex::default(), writer })
    }

    /// Lines of the manifests that are no records, for people.
    pub(crate) fn remark(&self) -> Option<String> {
        let lines = self.known.unreadable_lines();
        (lines > 0).then(|| format!("{lines} lines of the manifests are cut or no records and do not count"))
    }

    /// What is known of a result that lies at `path`: the entry that the file is of.
    pub(crate) fn proven(&self, key: &str, path: &Path) -> Option<&Entry> {
        entry_of_file(&self.known, key, path)
    }

    /// Whether a result of this key was made, be it the one that lies there or not.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.known.knows(key)
    }

    /// Whether a decoded file of this hash was made with a result of this key.
    pub(crate) fn knows_decoded(&self, key: &str, sha256: &str) -> bool {
        self.known.results(key).any(|entry| entry.decoded_sha256() == Some(sha256))
    }

    /// Whether a pack of this name is known.
    pub(crate) fn has_pack(&self, name: &str) -> bool {
        self.said().contains_key(name)
    }

    fn said(&self) -> &HashMap<Arc<str>, HashSet<Box<str>>> {
        self.said.get_or_init(|| self.known.packs())
    }

    /// What is known of an entry of a pack in `folder`, by the last of its records that is of a pack which is there. A record of a
    /// pack that is there, whole, and hashes to something else is of one that never got its name.
    ///
    /// # Errors
    /// When a worker died over a pack.
    pub(crate) fn packed(&self, key: &str, folder: &Path) -> Result<Packed<'_>, Error> {
        let mut packs = self.packs.lock().map_err(|_| anyhow!("the packs are lost"))?;
        let mut packed = Packed::Absent;
        for entry in self.known.results(key) {
            let Some(name) = entry.pack.as_deref() else { continue };
            let path = folder.join(name);
            match packs.entry(name.to_owned()).or_insert_with(|| self.look_at(name, &path)) {
                Pack::Whole(sha256) if entry.output_sha256.as_deref() == Some(sha256) => {
                    return Ok(Packed::Whole(entry));
                }
                Pack::Damaged => packed = Packed::Damaged(path),
                Pack::Missing | Pack::Whole(_) => {}
            }
        }
        Ok(packed)
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

    /// Appends records and brings them to the disk; in a rehearsal it does nothing.
    ///
    /// # Errors
    /// [`Halt`] when they cannot be written.
    pub(crate) fn append<'r>(&self, records: impl IntoIterator<Item = &'r Record>) -> Result<(), Error> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let write = || {
            let mut writer = writer.lock().map_err(|_| anyhow!("the manifest's writer is lost"))?;
            Ok::<_, Error>(writer.append(records)?)
        };
        write().map_err(|error| Halt::of(&error).into())
    }
}

/// The last entry of a key that the file at `path` is of, by size and hash.
pub(crate) fn entry_of_file<'e>(entries: &'e Entries, key: &str, path: &Path) -> Option<&'e Entry> {
    // The size first: it is cheap, and a hash is not.
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let is_as_long = |entry: &&Entry| entry.output_bytes.is_none_or(|bytes| bytes == found.len());
    let mut entries = entries.results(key).filter(is_as_long).peekable();
    entries.peek()?;
    let sha256 = dac::weights::sha256_of_file(path).ok()?;
    entries.find(|entry| entry.output_sha256.as_deref() == Some(sha256.as_str()))
}

/// Whether the file at `path` still has the size, where it is known, and the hash that a manifest says.
pub(super) fn is_file_of(path: &Path, bytes: Option<u64>, sha256: Option<&str>) -> bool {
    let Ok(found) = fs::metadata(path) else { return false };
    let same_size = found.is_file() && bytes.is_none_or(|bytes| bytes == found.len());
    same_size && fingerprint(path).is_ok_and(|found| sha256 == Some(found.sha256.as_str()))
}

/// Size and hash of the file at `path`.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn fingerprint(path: &Path) -> io::Result<Fingerprint> {
    Ok(Fingerprint { bytes: fs::metadata(path)?.len(), sha256: dac::weights::sha256_of_file(path)? })
}
