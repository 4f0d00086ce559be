//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A file written beside its target and renamed onto it by [`AtomicFile::commit`]; dropped before that, it leaves nothing.
///
/// A target that exists and is no regular file (a pipe, a device) is written directly, and a link is followed.
#[derive(Debug)]
pub struct AtomicFile {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Beside { file: NamedTempFile, target: PathBuf },
    Direct(File),
}

impl AtomicFile {
    /// Starts a file that is to become `path`.
    ///
    /// # Errors
    /// When the folder is missing or not writable.
    pub fn create(path: &Path) -> io::Result<Self> {
        let target = if path.is_symlink() { fs::canonicalize(path)? } else { path.to_path_buf() };
        if fs::metadata(&target).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
            return Ok(Self { inner: Inner::Direct(File::options().write(true).open(target)?) });
        }
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(".dac-").suffix(".part");
        // A temporary file is private by default; this one gets what the user's mask leaves.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;
        Ok(Self { inner: Inner::Beside { file, target } })
    }

    /// Brings the bytes to the disk and the file to its name.
    ///
    /// # Errors
    /// When the disk is full, or the target cannot be replaced; nothing is left beside it then.
    pub fn commit(self) -> io::Result<()> {
        match self.inner {
            Inner::Direct(mut file) => file.flush(),
            Inner::Beside { file, target } => {
                file.as_file().sync_all()?;
                file.persist(&target).map_err(|e| e.error)?;
                // The name itself lies in the folder. Not every file system lets a folder be synced; the file is whole
                // either way.
                #[cfg(unix)]
                if let Some(folder) = target.parent().and_then(|folder| File::open(folder).ok()) {
                    let _ = folder.sync_all();
                }
                Ok(())
            }
        }
    }

    /// Another handle to the same bytes, for a library that keeps its writer.
    ///
    /// # Errors
    /// When the system has no more of them.
    pub fn handle(&self) -> io::Result<File> {
        match &self.inner {
            Inner::Beside { file, .. } => file.as_file().try_clone(),
            Inner::Direct(file) => file.try_clone(),
        }
    }

    fn file(&mut self) -> &mut File {
        match &mut self.inner {
            Inner::Beside { file, .. } => file.as_file_mut(),
            Inner::Direct(file) => file,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_only_when_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.bin");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        for content in [b"first", b"again"] {
            let mut file = AtomicFile::create(&path).unwrap();
            file.write_all(content).unwrap();
            file.commit().unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(AtomicFile::create(&folder.path().join("missing/out.bin")).is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let fresh = folder.path().join("fresh");
            File::create(&fresh).unwrap();
            let mode = |path| fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&fresh));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_a_device_written() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut file = AtomicFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
        let mut null = AtomicFile::create(Path::new("/dev/null")).unwrap();
        null.write_all(b"gone").unwrap();
        null.commit().unwrap();
    }
}
