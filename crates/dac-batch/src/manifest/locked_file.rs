//! Locks on manifests, which a merge replaces while runs append to them.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Identity of a file, which a renamed file keeps. Equal for all files where the system has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl FileIdentity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self { device_and_inode: (metadata.dev(), metadata.ino()) }
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            Self {}
        }
    }
}

/// Locks `file`, or the one that has replaced it at `path`, which `open` opens. A file without a lock is
/// returned where the file system has no locks; the lock ends with [`File::unlock`].
///
/// # Errors
/// [`ErrorKind::NotFound`] if the file was removed.
pub(super) fn lock_current(
    mut file: File,
    path: &Path,
    open: impl Fn(&Path) -> io::Result<File>,
) -> io::Result<File> {
    loop {
        let _ = file.lock();
        match is_current(&file, path) {
            Ok(true) => return Ok(file),
            other => {
                let _ = file.unlock();
                other?;
            }
        }
        file = open(path)?;
    }
}

/// Reports whether `file` is the one at `path`.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is no file at `path`.
pub(super) fn is_current(file: &File, path: &Path) -> io::Result<bool> {
    let present = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => io::Error::new(ErrorKind::NotFound, "it was removed while this run used it"),
        _ => error,
    })?;
    Ok(FileIdentity::of(&present) == FileIdentity::of(&file.metadata()?))
}
