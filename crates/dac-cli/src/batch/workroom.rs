//! Where results are made before they get their names: one folder a process, below the output folder, cleared when its owner
//! is gone.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use dac_atomic::AtomicFile;

/// The folder of all workrooms of an output folder.
const NAME: &str = ".dac-work";
/// In each workroom; locked as long as its process lives.
const LOCK: &str = "lock";
/// Another process may take away the empty folder of all workrooms while one is made in it.
const ATTEMPTS: usize = 16;

/// A folder of this process's own, whose name begins with what its process is alone at, if it is at something.
#[derive(Debug)]
pub(crate) struct Workroom {
    folder: PathBuf,
    all: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl Workroom {
    /// Makes a workroom below `output`, which is there, and clears those that killed processes left. Where `sole` names a work, no
    /// other living process may have a room for it; no such name begins with another.
    ///
    /// # Errors
    /// When the folder cannot be written; [`io::ErrorKind::ResourceBusy`] when another process is at this work.
    pub(crate) fn open(output: &Path, sole: Option<&str>) -> io::Result<Self> {
        // Where folders can be locked, no process clears a room that another one is about to lock.
        let gate = File::open(output).ok().filter(|gate| gate.lock().is_ok());
        let all = output.join(NAME);
        clear(&all);
        let prefix = sole.unwrap_or_default();
        let mut attempt = 0;
        let (folder, lock) = loop {
            attempt += 1;
            match make_in(&all, prefix) {
                Ok(made) => break made,
                // Gone before something could be made in it, or between being found there and being looked at.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists)
                        && attempt < ATTEMPTS => {}
                Err(error) => return Err(error),
            }
        };
        let room = Self { folder, all, _lock: lock };
        if sole.is_some() && room.is_beside_another(prefix) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        drop(gate);
        Ok(room)
    }

    /// Whether another living process has a room whose name begins so.
    fn is_beside_another(&self, prefix: &str) -> bool {
        let Ok(rooms) = fs::read_dir(&self.all) else { return false };
        rooms.flatten().any(|room| {
            let is_another = Some(room.file_name().as_os_str()) != self.folder.file_name()
                && room.file_name().as_encoded_bytes().starts_with(prefix.as_bytes());
            is_another
                && lock_of(&room.path())
                    .is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)))
        })
    }

    /// The room itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the file is made that is to become the `index`-th result of job `job`.
    pub(crate) fn place(&self, job: usize, index: usize) -> PathBuf {
        self.folder.join(format!("{job}-{index}"))
    }
}

impl Drop for Workroom {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        // Fails while others have theirs.
        let _ = fs::remove_dir(&self.all);
    }
}

/// Makes a room and its lock, which is held.
fn make_in(all: &Path, prefix: &str) -> io::Result<(PathBuf, File)> {
    fs::create_dir_all(all)?;
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(all)?.keep();
    let lock = File::create(folder.join(LOCK))?;
    // A file system without locks leaves the litter of killed runs to its user, and does not tell two owners of one work.
    let _ = lock.lock();
    // Where the gate could not be locked, the room may have been taken for a dead one's until now.
    fs::metadata(folder.join(LOCK))?;
    Ok((folder, lock))
}

/// The lock of a room, open: NFS gives an exclusive lock to those alone who may write.
fn lock_of(room: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(room.join(LOCK))
}

/// Removes the rooms whose processes are gone.
fn clear(all: &Path) {
    let Ok(rooms) = fs::read_dir(all) else { return };
    for room in rooms.flatten() {
        let abandoned = match lock_of(&room.path()) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if abandoned {
            let _ = fs::remove_dir_all(room.path());
        }
    }
}

/// Gives the finished file at `made` its name, which may be taken: a rename, after the bytes have come to the disk. What is no
/// regular file (a pipe, a device, a link) is written to instead.
///
/// # Errors
/// When the target cannot be written; what was there stays.
pub(crate) fn publish(made: &Path, target: &Path) -> io::Result<()> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let plain = fs::symlink_metadata(target).map_or(true, |found| found.is_file());
    if plain {
        match fs::rename(made, target) {
            Ok(()) => {
                sync_folder(target);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
            Err(error) => return Err(error),
        }
    }
    let mut from = File::open(made)?;
    from.rewind()?;
    let mut to = AtomicFile::create(target)?;
    io::copy(&mut from, &mut to)?;
    to.commit()?;
    fs::remove_file(made)
}

/// The same for a name that must be free.
///
/// # Errors
/// When it is taken, or the target cannot be written; what was there stays.
pub(crate) fn publish_new(made: &Path, target: &Path) -> io::Result<()> {
    // A rename that replaces nothing, where the file system has one.
    tempfile::TempPath::try_from_path(made)?.persist_noclobber(target)?;
    sync_folder(target);
    Ok(())
}

/// Brings a new name to the disk, where a folder can be synced.
fn sync_folder(target: &Path) {
    #[cfg(unix)]
    if let Some(folder) = target.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_held(room: &Path) -> bool {
        matches!(File::open(room.join(LOCK)).unwrap().try_lock(), Err(fs::TryLockError::WouldBlock))
    }

    #[test]
    fn rooms_of_the_dead_are_cleared_and_those_of_the_living_kept() {
        let output = tempfile::tempdir().unwrap();
        let all = output.path().join(NAME);
        let first = Workroom::open(output.path(), None).unwrap();
        assert!(is_held(&first.folder));
        fs::write(first.place(0, 0), b"half").unwrap();
        // A process that was killed: its files are there, its lock is not held.
        let dead = all.join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), b"").unwrap();
        fs::write(dead.join("0-0"), b"half").unwrap();
        let second = Workroom::open(output.path(), None).unwrap();
        assert!(!dead.exists() && first.place(0, 0).exists());
        drop(first);
        assert!(all.exists());
        drop(second);
        assert!(!all.exists());
    }

    #[test]
    fn one_process_at_a_time_is_at_a_work() {
        let output = tempfile::tempdir().unwrap();
        let open = |sole: Option<&str>| Workroom::open(output.path(), sole);
        let first = open(Some("pack.")).unwrap();
        assert_eq!(open(Some("pack.")).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        // Other work goes on beside it, and what was refused has left nothing.
        let others =
            [open(None).unwrap(), open(Some("pack-0-of-2.")).unwrap(), open(Some("pack-1-of-2.")).unwrap()];
        assert_eq!(fs::read_dir(output.path().join(NAME)).unwrap().count(), 1 + others.len());
        drop((first, others));
        // The room of a killed process keeps nobody away.
        let dead = output.path().join(NAME).join("pack.dead");
        fs::create_dir_all(&dead).unwrap();
        fs::write(dead.join(LOCK), b"").unwrap();
        open(Some("pack.")).unwrap();
        // Of many at once, one comes in.
        let barrier = std::sync::Barrier::new(4);
        let try_alone = || {
            barrier.wait();
            let room = open(Some("pack."));
            barrier.wait();
            room.is_ok()
        };
        let came_in = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(try_alone)).collect();
            all.into_iter().map(|one| usize::from(one.join().unwrap())).sum::<usize>()
        });
        assert_eq!(came_in, 1);
    }

    #[test]
    fn rooms_are_made_and_left_at_once() {
        let output = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let room = Workroom::open(output.path(), None).unwrap();
                        fs::write(room.place(1, 0), b"x").unwrap();
                        publish(&room.place(1, 0), &output.path().join("sub/x")).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read(output.path().join("sub/x")).unwrap(), b"x");
        assert_eq!(fs::read_dir(output.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_name_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("made"), b"new").unwrap();
        publish_new(&at("made"), &at("free")).unwrap();
        assert_eq!(fs::read(at("free")).unwrap(), b"new");
        fs::write(at("made"), b"newer").unwrap();
        assert_eq!(publish_new(&at("made"), &at("free")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(at("free")).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("made"), b"new").unwrap();
        fs::write(at("target"), b"old").unwrap();
        std::os::unix::fs::symlink(at("target"), at("link")).unwrap();
        publish(&at("made"), &at("link")).unwrap();
        assert!(at("link").is_symlink() && !at("made").exists());
        assert_eq!(fs::read(at("target")).unwrap(), b"new");
    }
}
