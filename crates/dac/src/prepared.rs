//! Prepared weights: a weights file's packed weights in the cache, mapped into memory at load.
//!
//! With [`LoadOptions::prepared`], a load on the CPU engine takes the packed weights from a file that
//! [`prepare`] wrote, instead of computing them. All processes on a machine share its memory. Anything that
//! is wrong with the file makes the load pack the weights as without it.
//!
//! The directory contains
//! - `WEIGHTS-ISA-PRECISION-SCHEDULE.packed`: packed weights ([`dac_model::prepared`]), where WEIGHTS are the
//!   first digits of the SHA-256 of the weights file;
//! - `PATH.json`: size, times, inode and SHA-256 of a weights file, where PATH is a hash of its path. A load
//!   trusts this SHA-256 while the rest is unchanged, and otherwise computes it again.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dac_atomic::AtomicFile;
use dac_model::checkpoint::{sha256_of_bytes, sha256_of_file};
use dac_model::{Checkpoint, Codec, Preset};
use dac_nn::{Device, NetworkShape};
use serde::{Deserialize, Serialize};

pub use dac_model::prepared::{Prepared, PreparedError, PreparedKey, PreparedWeights};

use crate::LoadOptions;
use crate::error::Error;

/// Extension of packed weights.
pub const EXTENSION: &str = "packed";

/// Age at which a file's time shows every later change: some file systems count whole, even seconds.
const MIN_AGE: Duration = Duration::from_secs(2);

/// A file of prepared weights.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreparedFile {
    /// Path of the file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the weights file.
    pub weights_sha256: String,
    /// Whether the file was written; a valid one is kept.
    pub is_new: bool,
}

/// Prepares the weights in the file `path`, which must match the preset `expected`, if given, for loads with
/// the same precision, instruction set and latency. Several processes may prepare the same weights at once.
///
/// # Errors
/// As [`crate::Dac::open`]; when `options` name another device than the CPU engine or no directory; when a
/// packed value is not finite, the file cannot be written, or the weights file changes meanwhile.
pub fn prepare(path: &Path, expected: Option<Preset>, options: &LoadOptions) -> Result<PreparedFile, Error> {
    if options.device != Device::Cpu {
        return Err(PreparedError::NotEngine.into());
    }
    let folder = options.prepared.folder().ok_or_else(|| {
        Error::invalid("prepared", "off", "a directory: no cache directory is known; set DAC_HOME")
    })?;
    let read_error = |source| Error::Read { path: path.to_path_buf(), source };
    let mut checkpoint = Checkpoint::open(path, expected)?;
    let mut stamp = Stamp::of(path).map_err(read_error)?;
    if let Some(young) = MIN_AGE.checked_sub(stamp.age()) {
        thread::sleep(young);
    }
    stamp.sha256 = sha256_of_file(path).map_err(read_error)?;
    let key = PreparedKey::new(&stamp.sha256, checkpoint.shape(), options)?;
    let file = folder.join(key.file_name());
    let bytes = match PreparedWeights::open(&file, &key) {
        Ok(found) => Ok(found.bytes() as u64),
        Err(_) => {
            let codec = Codec::load(&checkpoint.shape().clone(), &mut checkpoint, options.clone())?;
            Err(PreparedWeights::write(&file, &key, &codec, &mut checkpoint)?)
        }
    };
    let now = Stamp { sha256: stamp.sha256.clone(), ..Stamp::of(path).map_err(read_error)? };
    if now != stamp {
        return Err(read_error(io::Error::other("the file changed while it was read")));
    }
    stamp.write(folder).map_err(|source| PreparedError::Io { path: folder.to_path_buf(), source })?;
    let (is_new, bytes) = (bytes.is_err(), bytes.unwrap_or_else(|bytes| bytes));
    Ok(PreparedFile { path: file, bytes, weights_sha256: stamp.sha256, is_new })
}

/// Lists the files of packed weights in a directory, by name; none if it cannot be read.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|found| found == EXTENSION)).collect();
    files.sort();
    files
}

/// Loads a weights file's codec from its prepared weights, if there are valid ones, and returns their path.
/// Also returns the SHA-256 of the weights file, if it was determined.
pub(crate) fn load(
    path: &Path,
    shape: &NetworkShape,
    options: &LoadOptions,
) -> (Option<(Codec, PathBuf)>, Option<String>) {
    let Some(folder) = options.prepared.folder().filter(|_| options.device == Device::Cpu) else {
        return (None, None);
    };
    // Without any file, the SHA-256 is computed while the weights are packed.
    if files(folder).is_empty() {
        return (None, None);
    }
    let Some(sha256) = Stamp::sha256_of(folder, path) else { return (None, None) };
    let load = || {
        let key = PreparedKey::new(&sha256, shape, options).ok()?;
        let file = folder.join(key.file_name());
        let prepared = PreparedWeights::open(&file, &key).ok()?;
        Some((Codec::load_prepared(shape, &prepared, options.clone()).ok()?, file))
    };
    (load(), Some(sha256))
}

/// Writes the weights of a codec that was just loaded, if `options` ask for it. Failures are ignored: the
/// next load packs the weights again.
pub(crate) fn write_missing(
    path: &Path,
    codec: &Codec,
    checkpoint: &mut Checkpoint,
    weights_sha256: &str,
    options: &LoadOptions,
) {
    let Prepared::ReadOrWrite(folder) = &options.prepared else { return };
    let mut write = || {
        let key = PreparedKey::new(weights_sha256, codec.shape(), options).ok()?;
        let file = folder.join(key.file_name());
        PreparedWeights::write(&file, &key, codec, checkpoint).ok()?;
        // Without a stamp, later loads hash the weights file, and find the same packed weights.
        let stamp = Stamp { sha256: weights_sha256.to_owned(), ..Stamp::of(path).ok()? };
        if stamp.age() >= MIN_AGE { stamp.write(folder).ok() } else { None }
    };
    let _: Option<()> = write();
}

/// State of a weights file when its SHA-256 was computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: String,
    bytes: u64,
    /// Nanoseconds since 1970.
    modified_ns: u64,
    /// Time of the last change of content or attributes, in nanoseconds since 1970, and inode; on Unix.
    changed_ns: Option<i64>,
    inode: Option<u64>,
    sha256: String,
}

impl Stamp {
    /// Takes the state of a file, without its hash.
    fn of(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        let metadata = fs::metadata(&path)?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (changed_ns, inode) = unix_facts(&metadata);
        Ok(Self {
            path: path.to_string_lossy().into_owned(),
            bytes: metadata.len(),
            modified_ns: u64::try_from(modified.as_nanos()).unwrap_or_default(),
            changed_ns,
            inode,
            sha256: String::new(),
        })
    }

    /// Time since the file was modified; 0 for a time in the future.
    fn age(&self) -> Duration {
        let modified = UNIX_EPOCH + Duration::from_nanos(self.modified_ns);
        SystemTime::now().duration_since(modified).unwrap_or_default()
    }

    fn place(&self, folder: &Path) -> PathBuf {
        let hash = sha256_of_bytes(self.path.as_bytes());
        folder.join(format!("{}.json", hash.get(..16).unwrap_or(&hash)))
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = AtomicFile::create(&self.place(folder))?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.commit()
    }

    /// Returns the SHA-256 of the file `path`: the recorded one if the file is unchanged since.
    fn sha256_of(folder: &Path, path: &Path) -> Option<String> {
        let now = Self::of(path).ok()?;
        let recorded = fs::read(now.place(folder)).ok();
        let recorded: Option<Self> = recorded.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let unchanged = recorded.filter(|old| Self { sha256: old.sha256.clone(), ..now } == *old);
        unchanged.map(|old| old.sha256).or_else(|| sha256_of_file(path).ok())
    }
}

#[cfg(unix)]
fn unix_facts(metadata: &Metadata) -> (Option<i64>, Option<u64>) {
    use std::os::unix::fs::MetadataExt;
    (Some(metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec()), Some(metadata.ino()))
}

#[cfg(not(unix))]
fn unix_facts(_: &Metadata) -> (Option<i64>, Option<u64>) {
    (None, None)
}
