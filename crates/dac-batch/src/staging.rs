//! Staging directories: where a process writes outputs before they are renamed into place.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::BatchError;
use crate::options::BatchOptions;

/// Directory in the output directory that contains all staging directories.
const PARENT_NAME: &str = ".dac-work";
/// File in each staging directory, locked while its process lives.
const LOCK_NAME: &str = "lock";
/// Another process may remove the empty parent while a staging directory is created in it.
const MAX_ATTEMPTS: usize = 16;

/// Staging directory of this process; removed with its content when dropped.
#[derive(Debug)]
pub(crate) struct StagingDir {
    path: PathBuf,
    parent: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl StagingDir {
    /// Creates the output directory of a batch and a staging directory in it. Of the batches that fill the
    /// same pack, only one can have a staging directory at a time.
    pub(crate) fn for_batch(options: &BatchOptions, fills_pack: bool) -> Result<Self, BatchError> {
        let dir = &options.output_dir;
        fs::create_dir_all(dir).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                let problem =
                    if dir.is_dir() { error.to_string() } else { "a file is in its place".to_owned() };
                BatchError::Usage(format!("cannot create the directory {}: {problem}", dir.display()))
            }
            _ => BatchError::write(dir, error),
        })?;
        let exclusive = fills_pack.then(|| match options.partition {
            Some(partition) => format!("pack-{}.", partition.tag()),
            None => "pack.".to_owned(),
        });
        Self::create(dir, exclusive.as_deref()).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => BatchError::Fatal(format!(
                "{}: another process packs into this directory; rerun the same command after it has ended",
                dir.display()
            )),
            _ => BatchError::write(dir, error),
        })
    }

    /// Creates a staging directory in `output_dir`, which must exist, and removes those of killed processes.
    /// Fails with [`io::ErrorKind::ResourceBusy`] when another living process has one whose name starts with
    /// the prefix `exclusive`. No such prefix may be the start of another.
    fn create(output_dir: &Path, exclusive: Option<&str>) -> io::Result<Self> {
        // Where directories can be locked, no process removes a staging directory that is about to be locked.
        let gate = File::open(output_dir).ok().filter(|gate| gate.lock().is_ok());
        let parent = output_dir.join(PARENT_NAME);
        remove_stale(&parent);
        let prefix = exclusive.unwrap_or_default();
        let mut attempt = 0;
        let (path, lock) = loop {
            attempt += 1;
            match create_locked(&parent, prefix) {
                Ok(created) => break created,
                // Removed before something was created in it, or between its creation and its inspection.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists)
                        && attempt < MAX_ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        };
        let dir = Self { path, parent, _lock: lock };
        if exclusive.is_some() && dir.has_rival(prefix) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        drop(gate);
        Ok(dir)
    }

    /// Reports whether another living process has a staging directory with this prefix.
    fn has_rival(&self, prefix: &str) -> bool {
        let Ok(dirs) = fs::read_dir(&self.parent) else { return false };
        dirs.flatten().any(|dir| {
            let is_other = Some(dir.file_name().as_os_str()) != self.path.file_name()
                && dir.file_name().as_encoded_bytes().starts_with(prefix.as_bytes());
            is_other
                && open_lock(&dir.path())
                    .is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)))
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for StagingDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        // Fails while other processes have theirs in it.
        let _ = fs::remove_dir(&self.parent);
    }
}

/// Creates a staging directory and locks its lock file.
fn create_locked(parent: &Path, prefix: &str) -> io::Result<(PathBuf, File)> {
    fs::create_dir_all(parent)?;
    let path = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?.keep();
    let lock = File::create(path.join(LOCK_NAME))?;
    // Without file locks, stale directories are left to the user and rivals are not detected.
    let _ = lock.lock();
    // Where the gate could not be locked, another process may have removed the directory as stale until now.
    fs::metadata(path.join(LOCK_NAME))?;
    Ok((path, lock))
}

/// Opens the lock file of a staging directory for writing: NFS grants exclusive locks only to writers.
fn open_lock(dir: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(dir.join(LOCK_NAME))
}

/// Removes the staging directories of processes that no longer run.
fn remove_stale(parent: &Path) {
    let Ok(dirs) = fs::read_dir(parent) else { return };
    for dir in dirs.flatten() {
        let is_stale = match open_lock(&dir.path()) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if is_stale {
            let _ = fs::remove_dir_all(dir.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_locked(dir: &Path) -> bool {
        matches!(File::open(dir.join(LOCK_NAME)).unwrap().try_lock(), Err(fs::TryLockError::WouldBlock))
    }

    /// Leaves a staging directory as a killed process would: with an unlocked lock file.
    fn create_stale(output: &Path, name: &str) -> PathBuf {
        let stale = output.join(PARENT_NAME).join(name);
        fs::create_dir_all(&stale).unwrap();
        fs::write(stale.join(LOCK_NAME), b"").unwrap();
        stale
    }

    #[test]
    fn stale_staging_dirs_are_removed_and_live_ones_kept() {
        let output = tempfile::tempdir().unwrap();
        let parent = output.path().join(PARENT_NAME);
        let first = StagingDir::create(output.path(), None).unwrap();
        assert!(is_locked(&first.path));
        fs::write(first.path().join("part"), b"half").unwrap();
        let stale = create_stale(output.path(), "stale");
        fs::write(stale.join("part"), b"half").unwrap();
        let second = StagingDir::create(output.path(), None).unwrap();
        assert!(!stale.exists() && first.path().join("part").exists());
        drop(first);
        assert!(parent.exists());
        drop(second);
        assert!(!parent.exists());
    }

    #[test]
    fn only_one_process_at_a_time_has_an_exclusive_prefix() {
        let output = tempfile::tempdir().unwrap();
        let create = |exclusive: Option<&str>| StagingDir::create(output.path(), exclusive);
        let first = create(Some("pack.")).unwrap();
        assert_eq!(create(Some("pack.")).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        // Other prefixes are independent, and a refused process leaves nothing.
        let others = [
            create(None).unwrap(),
            create(Some("pack-0-of-2.")).unwrap(),
            create(Some("pack-1-of-2.")).unwrap(),
        ];
        assert_eq!(fs::read_dir(output.path().join(PARENT_NAME)).unwrap().count(), 1 + others.len());
        drop((first, others));
        // The directory of a killed process does not block.
        create_stale(output.path(), "pack.stale");
        create(Some("pack.")).unwrap();
        // Of several simultaneous attempts, exactly one succeeds.
        let barrier = std::sync::Barrier::new(4);
        let attempt = || {
            barrier.wait();
            let dir = create(Some("pack."));
            barrier.wait();
            dir.is_ok()
        };
        let successes = std::thread::scope(|scope| {
            let attempts: Vec<_> = (0..4).map(|_| scope.spawn(attempt)).collect();
            attempts.into_iter().map(|attempt| usize::from(attempt.join().unwrap())).sum::<usize>()
        });
        assert_eq!(successes, 1);
    }

    #[test]
    fn staging_dirs_can_be_created_and_removed_concurrently() {
        let output = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let dir = StagingDir::create(output.path(), None).unwrap();
                        fs::write(dir.path().join("x"), b"x").unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(output.path()).unwrap().count(), 0);
    }
}
