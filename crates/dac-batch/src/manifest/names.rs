//! Names of manifest files, the manifests of a directory, and keys of outputs.

use std::fmt::Write;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use crate::error::BatchError;
use crate::partition::Partition;

/// File name of the manifest of an unpartitioned batch.
pub const MANIFEST_NAME: &str = ".dac-manifest.jsonl";

const PREFIX: &str = ".dac-manifest.";
const SUFFIX: &str = ".jsonl";

/// File name of a partition's manifest, such as `.dac-manifest.0-of-4.jsonl`.
pub fn partition_manifest_name(partition: Partition) -> String {
    format!("{PREFIX}{}{SUFFIX}", partition.tag())
}

fn partition_of_name(name: &str) -> Option<Partition> {
    Partition::from_tag(name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?)
}

/// Manifests in a directory: the one of the unpartitioned batch first, then those of partitions in order. A
/// missing directory has none.
///
/// # Errors
/// When the directory cannot be read.
pub fn manifests_in(dir: &Path) -> Result<Vec<(Option<Partition>, PathBuf)>, BatchError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(BatchError::read(dir, error)),
    };
    let mut manifests = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| BatchError::read(dir, error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let partition = partition_of_name(name);
        if partition.is_some() || name == MANIFEST_NAME {
            manifests.push((partition, entry.path()));
        }
    }
    manifests.sort();
    Ok(manifests)
}

/// Key of an output at `relative`, a path below the output directory: its components joined by `/`. Bytes
/// that are not UTF-8, and `%` itself, are percent-encoded (`%FF`, `%25`), so that different paths have
/// different keys.
pub fn output_key(relative: &Path) -> String {
    let mut key = String::new();
    for component in relative.components() {
        let Component::Normal(part) = component else { continue };
        if !key.is_empty() {
            key.push('/');
        }
        for chunk in part.as_encoded_bytes().utf8_chunks() {
            key += &chunk.valid().replace('%', "%25");
            for byte in chunk.invalid() {
                // Writing to a string cannot fail.
                let _ = write!(key, "%{byte:02X}");
            }
        }
    }
    key
}

/// Path below the output directory that has this [`output_key`]; `None` for texts that are no keys, such as
/// those with `..`.
pub(super) fn path_of_key(key: &str) -> Option<PathBuf> {
    let bytes = unescape(key)?;
    let path = path_of_bytes(bytes)?;
    let descends = path.components().all(|part| matches!(part, Component::Normal(_)));
    (descends && !path.as_os_str().is_empty()).then_some(path)
}

fn unescape(key: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    Some(bytes)
}

#[cfg(unix)]
fn path_of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_restored_from_keys() {
        for path in ["a.npy", "x/y/b%.npy", "100%25.npy", "é/ü.npy"] {
            assert_eq!(path_of_key(&output_key(Path::new(path))).as_deref(), Some(Path::new(path)));
        }
        for key in ["", "..", "x/../../y", "/etc/passwd", "a%2", "a%zz", "%2E%2E/a"] {
            assert_eq!(path_of_key(key), None, "{key}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_utf8_are_restored() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"in/a\xfe.npy"));
        assert_eq!(path_of_key(&output_key(path)).as_deref(), Some(path));
    }
}
