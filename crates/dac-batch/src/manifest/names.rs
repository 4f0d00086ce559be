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
