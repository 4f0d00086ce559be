//! Properties of atomic files: visibility, permissions, links, devices, staging.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use dac_atomic::{AtomicFile, FinishedFile};

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
fn links_are_followed_or_replaced_and_devices_written() {
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
    // A staged file replaces the link, also a broken one and one to a directory.
    staged(&staging, &link, b"newer").persist().unwrap();
    assert!(!link.is_symlink());
    assert_eq!((fs::read(&link).unwrap(), fs::read(&target).unwrap()), (b"newer".to_vec(), b"new".to_vec()));
    for to in [folder.path().join("missing"), staging.clone()] {
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(to, &link).unwrap();
        staged(&staging, &link, b"newest").persist().unwrap();
        assert!(!link.is_symlink() && fs::read(&link).unwrap() == b"newest");
    }

    let null = Path::new("/dev/null");
    let mut file = AtomicFile::create(null).unwrap();
    file.write_all(b"gone").unwrap();
    let finished = file.finish().unwrap();
    assert_eq!(finished.bytes().unwrap(), 0);
    assert_eq!(finished.sha256().unwrap_err().kind(), ErrorKind::Unsupported);
    finished.persist().unwrap();
    staged(&staging, null, b"gone").persist().unwrap();
    let to_null = folder.path().join("null");
    std::os::unix::fs::symlink(null, &to_null).unwrap();
    staged(&staging, &to_null, b"gone").persist().unwrap();
    assert!(to_null.is_symlink());
    fs::remove_file(&to_null).unwrap();
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
    // A link there is replaced, too.
    let link = other.path().join("link.bin");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    staged(folder.path(), &link, b"link").persist().unwrap();
    assert!(!link.is_symlink() && fs::read(&target).unwrap() == b"newest");
}
