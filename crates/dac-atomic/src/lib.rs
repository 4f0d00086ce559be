//! Files that are written under a temporary name and renamed when they are complete, and temporary copies.

#![forbid(unsafe_code)]

mod temporary_copy;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::{Builder, NamedTempFile, PathPersistError, TempPath};

pub use temporary_copy::TemporaryCopy;

/// File under a temporary name. [`finish`](Self::finish) completes its content,
/// [`FinishedFile::persist`] renames it onto its target, and dropping it removes it.
#[derive(Debug)]
pub struct AtomicFile {
    output: Output<NamedTempFile>,
}

/// Complete file on disk that does not have its final name yet. Dropping it removes it.
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
    /// If the parent directory is missing or not writable.
    pub fn create(path: &Path) -> io::Result<Self> {
        let target = if path.is_symlink() { fs::canonicalize(path)? } else { path.to_path_buf() };
        if is_pipe_or_device(&target) {
            return Ok(Self { output: Output::Direct(File::options().write(true).open(target)?) });
        }
        let folder = parent(&target).unwrap_or(Path::new("."));
        Ok(Self { output: Output::Temporary { temporary: temporary_in(folder)?, target } })
    }

    /// Creates a temporary file for `path` in `staging_dir`, which must exist. `path` is not touched before
    /// [`FinishedFile::persist`], which copies where it cannot rename: to another file system, into a pipe or
    /// a device. A symbolic link is replaced, not its target, unless that is a pipe or a device.
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
        sha256(&mut File::open(temporary)?)
    }

    /// Renames the file onto its target, which it replaces, and syncs the directory. Creates missing parent
    /// directories.
    ///
    /// # Errors
    /// If the target cannot be written; it is unchanged and the temporary file is removed then.
    pub fn persist(self) -> io::Result<()> {
        let Output::Temporary { temporary, target } = self.output else { return Ok(()) };
        create_parent(&temporary, &target)?;
        if is_pipe_or_device(&target) {
            let mut pipe = AtomicFile::create(&target)?;
            io::copy(&mut File::open(&temporary)?, &mut pipe)?;
            return pipe.commit();
        }
        match temporary.persist(&target) {
            Err(PathPersistError { error, path }) if error.kind() == ErrorKind::CrossesDevices => {
                copy_next_to(&target, &path)?.persist()
            }
            renamed => sync_renamed(renamed, &target),
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
        if fs::symlink_metadata(&target).is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        create_parent(&temporary, &target)?;
        match temporary.persist_noclobber(&target) {
            Err(PathPersistError { error, path }) if error.kind() == ErrorKind::CrossesDevices => {
                copy_next_to(&target, &path)?.persist_new()
            }
            renamed => sync_renamed(renamed, &target),
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

/// Creates the directory of `target`, unless the temporary file was removed and cannot be renamed anyway.
fn create_parent(temporary: &Path, target: &Path) -> io::Result<()> {
    parent(target).filter(|_| temporary.exists()).map_or(Ok(()), fs::create_dir_all)
}

/// SHA-256 of the rest of a reader in lower-case hexadecimal.
///
/// # Errors
/// If reading fails.
pub fn sha256(reader: &mut impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reports whether a path is a pipe, a socket or a device: it is read and written directly, and its content
/// can be read only once.
pub fn is_pipe_or_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn copy_next_to(target: &Path, source: &Path) -> io::Result<FinishedFile> {
    let mut copy = AtomicFile::create_in(parent(target).unwrap_or(Path::new(".")), target)?;
    io::copy(&mut File::open(source)?, &mut copy)?;
    copy.finish()
}

/// Syncs the directory after a rename. Some file systems cannot; the content is safe there too.
#[cfg_attr(not(unix), allow(unused_variables))]
fn sync_renamed(renamed: Result<(), PathPersistError>, target: &Path) -> io::Result<()> {
    renamed.map_err(|failed| failed.error)?;
    #[cfg(unix)]
    if let Ok(folder) = File::open(parent(target).unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
    Ok(())
}
