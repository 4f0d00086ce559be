//! Files that are complete whenever they are visible under their name.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::{Builder, NamedTempFile, PathPersistError, TempPath};

/// A file under a temporary name. [`finish`](Self::finish) completes its content,
/// [`FinishedFile::persist`] renames it onto its target, and dropping it removes it.
#[derive(Debug)]
pub struct AtomicFile {
    output: Output<NamedTempFile>,
}

/// A complete file on disk that does not have its final name yet. Dropping it removes it.
#[derive(Debug)]
pub struct FinishedFile {
    output: Output<TempPath>,
}

#[derive(Debug)]
enum Output<T> {
    Temporary {
        temporary: T,
        target: PathBuf,
    },
    /// A pipe or a device, which cannot be replaced by a rename.
    Direct(File),
}

impl AtomicFile {
    /// Creates a temporary file next to `path`. Follows a symbolic link; a pipe or a device is written
    /// directly.
    ///
    /// # Errors
    /// If the parent folder is missing or not writable.
    pub fn create(path: &Path) -> io::Result<Self> {
        let target = if path.is_symlink() { fs::canonicalize(path)? } else { path.to_path_buf() };
        if fs::metadata(&target).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Ok(Self { output: Output::Direct(File::options().write(true).open(target)?) });
        }
        let folder = parent(&target).unwrap_or(Path::new("."));
        Ok(Self { output: Output::Temporary { temporary: temporary_in(folder)?, target } })
    }

    /// Creates a temporary file for `path` in `staging_dir`, which must exist. `path` is not touched before
    /// [`FinishedFile::persist`], which copies where it cannot rename: to another file system, to the target
    /// of a symbolic link, into a pipe or a device.
    ///
    /// # Errors
    /// If `staging_dir` is missing or not writable.
    pub fn create_in(staging_dir: &Path, path: &Path) -> io::Result<Self> {
        let temporary = temporary_in(staging_dir)?;
        Ok(Self { output: Output::Temporary { temporary, target: path.to_path_buf() } })
    }

    /// Flushes the content to disk and closes the file, which keeps its temporary name.
    ///
    /// # Errors
    /// If the disk is full or fails; the temporary file is removed then.
    pub fn finish(self) -> io::Result<FinishedFile> {
        let output = match self.output {
            Output::Direct(mut file) => {
                file.flush()?;
                Output::Direct(file)
            }
            Output::Temporary { temporary, target } => {
                temporary.as_file().sync_all()?;
                Output::Temporary { temporary: temporary.into_temp_path(), target }
            }
        };
        Ok(FinishedFile { output })
    }

    /// Finishes the file and renames it onto its target.
    ///
    /// # Errors
    /// As [`finish`](Self::finish) and [`FinishedFile::persist`].
    pub fn commit(self) -> io::Result<()> {
        self.finish()?.persist()
    }

    /// Duplicates the file's handle, for a library that keeps its writer.
    ///
    /// # Errors
    /// If the process has too many open files.
    pub fn handle(&self) -> io::Result<File> {
        match &self.output {
            Output::Temporary { temporary, .. } => temporary.as_file().try_clone(),
            Output::Direct(file) => file.try_clone(),
        }
    }

    fn file(&mut self) -> &mut File {
        match &mut self.output {
            Output::Temporary { temporary, .. } => temporary.as_file_mut(),
            Output::Direct(file) => file,
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file().seek(to)
    }
}

impl FinishedFile {
    /// Size in bytes; 0 for a pipe or a device.
    ///
    /// # Errors
    /// If the file's metadata cannot be read.
    pub fn bytes(&self) -> io::Result<u64> {
        let metadata = match &self.output {
            Output::Temporary { temporary, .. } => fs::metadata(temporary)?,
            Output::Direct(file) => file.metadata()?,
        };
        Ok(metadata.len())
    }

    /// SHA-256 of the content in lower-case hexadecimal. Reads the whole file.
    ///
    /// # Errors
    /// If the file cannot be read; [`ErrorKind::Unsupported`] for a pipe or a device.
    pub fn sha256(&self) -> io::Result<String> {
        let Output::Temporary { temporary, .. } = &self.output else {
            return Err(ErrorKind::Unsupported.into());
        };
        let mut file = File::open(temporary)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                read => hasher.update(buffer.get(..read).unwrap_or_default()),
            }
        }
        Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Renames the file onto its target, which it replaces, and syncs the folder. Creates missing parent
    /// folders.
    ///
    /// # Errors
    /// If the target cannot be written; it is unchanged and the temporary file is removed then.
    pub fn persist(self) -> io::Result<()> {
        let Output::Temporary { temporary, target } = self.output else { return Ok(()) };
        create_parent(&temporary, &target)?;
        if fs::symlink_metadata(&target).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return copy_next_to(&target, &temporary)?.persist();
        }
        match temporary.persist(&target) {
            Err(PathPersistError { error, path }) if error.kind() == ErrorKind::CrossesDevices => {
                copy_next_to(&target, &path)?.persist()
            }
            renamed => synced(renamed, &target),
        }
    }

    /// Renames the file onto a target that does not exist yet. Otherwise as [`persist`](Self::persist).
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if the target exists, or an error if it cannot be written; the target is
    /// unchanged and the temporary file is removed then.
    pub fn persist_new(self) -> io::Result<()> {
        let Output::Temporary { temporary, target } = self.output else {
            return Err(ErrorKind::AlreadyExists.into());
        };
        create_parent(&temporary, &target)?;
        match temporary.persist_noclobber(&target) {
            Err(PathPersistError { error, path }) if error.kind() == ErrorKind::CrossesDevices => {
                copy_next_to(&target, &path)?.persist_new()
            }
            renamed => synced(renamed, &target),
        }
    }
}

fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".dac-").suffix(".part");
    // Temporary files are private by default; this one gets the permissions that the umask leaves.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn parent(target: &Path) -> Option<&Path> {
    target.parent().filter(|folder| !folder.as_os_str().is_empty())
}

/// Creates the folder of `target`, unless the temporary file was removed and cannot be renamed anyway.
fn create_parent(temporary: &Path, target: &Path) -> io::Result<()> {
    parent(target).filter(|_| temporary.exists()).map_or(Ok(()), fs::create_dir_all)
}

fn copy_next_to(target: &Path, source: &Path) -> io::Result<FinishedFile> {
    let mut copy = AtomicFile::create(target)?;
    io::copy(&mut File::open(source)?, &mut copy)?;
    copy.finish()
}

/// Syncs the folder after a rename. Some file systems cannot; the content is safe there too.
fn synced(renamed: Result<(), PathPersistError>, target: &Path) -> io::Result<()> {
    renamed.map_err(|failed| failed.error)?;
    #[cfg(unix)]
    if let Ok(folder) = File::open(parent(target).unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(staging: &Path, target: &Path, content: &[u8]) -> FinishedFile {
        let mut file = AtomicFile::create_in(staging, target).unwrap();
        file.write_all(content).unwrap();
        file.finish().unwrap()
    }

    fn files_in(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn file_appears_only_when_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.bin");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(files_in(folder.path()), 0);

        for content in [b"first", b"again"] {
            let mut file = AtomicFile::create(&path).unwrap();
            file.write_all(content).unwrap();
            file.commit().unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        assert_eq!(files_in(folder.path()), 1);
        assert!(AtomicFile::create(&folder.path().join("missing/out.bin")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn new_file_has_the_permissions_of_the_umask() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [plain, atomic] = ["plain", "atomic"].map(|name| folder.path().join(name));
        File::create(&plain).unwrap();
        AtomicFile::create(&atomic).unwrap().commit().unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&atomic), mode(&plain));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_written() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link, staging] = ["target", "link", "staging"].map(|name| folder.path().join(name));
        fs::create_dir(&staging).unwrap();
        fs::write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();

        let mut file = AtomicFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
        staged(&staging, &link, b"newer").persist().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"newer");

        let null = Path::new("/dev/null");
        let mut file = AtomicFile::create(null).unwrap();
        file.write_all(b"gone").unwrap();
        let finished = file.finish().unwrap();
        assert_eq!(finished.bytes().unwrap(), 0);
        assert_eq!(finished.sha256().unwrap_err().kind(), ErrorKind::Unsupported);
        finished.persist().unwrap();
        staged(&staging, null, b"gone").persist().unwrap();
        assert_eq!((files_in(folder.path()), files_in(&staging)), (3, 0));
    }

    #[test]
    fn staged_file_is_hashed_then_renamed_into_missing_folders() {
        let folder = tempfile::tempdir().unwrap();
        let staging = folder.path().join("staging");
        fs::create_dir(&staging).unwrap();
        let target = folder.path().join("a/b/out.bin");
        drop(staged(&staging, &target, b"abc"));
        assert_eq!(files_in(&staging), 0);

        let finished = staged(&staging, &target, b"abc");
        assert_eq!(finished.bytes().unwrap(), 3);
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(finished.sha256().unwrap(), sha256);
        assert!(!folder.path().join("a").exists());
        finished.persist().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abc");
        assert_eq!(files_in(&staging), 0);
        let as_folder = staged(&staging, &folder.path().join("a"), b"abc");
        assert!(as_folder.persist().is_err() && target.exists() && files_in(&staging) == 0);
    }

    #[test]
    fn persist_new_refuses_to_replace() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.bin");
        staged(folder.path(), &target, b"new").persist_new().unwrap();
        let refused = staged(folder.path(), &target, b"newer").persist_new();
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(files_in(folder.path()), 1);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn file_is_copied_to_another_file_system() {
        use std::os::linux::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
        let device = |folder: &Path| fs::metadata(folder).unwrap().st_dev();
        if device(folder.path()) == device(other.path()) {
            return;
        }
        let target = other.path().join("out.bin");
        staged(folder.path(), &target, b"new").persist_new().unwrap();
        assert!(staged(folder.path(), &target, b"newer").persist_new().is_err());
        assert_eq!(fs::read(&target).unwrap(), b"new");
        staged(folder.path(), &target, b"newest").persist().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"newest");
        assert_eq!((files_in(folder.path()), files_in(other.path())), (0, 1));
    }
}
