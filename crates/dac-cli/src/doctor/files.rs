//! Checks the SHA-256 of the weights in the caches.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, bail};
use dac::Preset;
use dac::cache::{self, CachedWeights, Environment, Origin, PARTIAL_SUFFIX};
use dac::prepared::{self, PreparedWeights};
use dac::weights::registry::{self, Published};
use dac_batch::Status;
use serde::Serialize;

use super::timeout::{FILE_LIMIT, run_with_timeout};
use crate::download::verify_checkpoint;
use crate::output::error_text;

/// Hexadecimal digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

#[derive(Debug, Serialize)]
pub(super) struct CacheCheck {
    /// Directory of this program's cache; null if neither `DAC_HOME` nor a home directory is known.
    pub(super) folder: Option<String>,
    /// All searched directories, in order.
    pub(super) searched: Vec<String>,
    pub(super) files: Vec<FileCheck>,
    /// `error` if the directory exists but cannot be read.
    pub(super) status: Status,
    pub(super) error: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct FileCheck {
    pub(super) path: String,
    /// Owner of the cache.
    pub(super) origin: Option<String>,
    pub(super) model: Option<&'static str>,
    /// Publisher according to the file name.
    pub(super) source: Option<&'static str>,
    pub(super) bytes: Option<u64>,
    pub(super) sha256: Option<String>,
    /// Null if unknown; then the file must be a checkpoint of the model.
    pub(super) expected_sha256: Option<String>,
    /// `skipped` for an unused file.
    pub(super) status: Status,
    pub(super) note: Option<String>,
    pub(super) error: Option<String>,
}

/// Checks all files in the caches of `environment`.
pub(super) fn check(environment: &Environment) -> CacheCheck {
    let found = Preset::ALL.into_iter().flat_map(|preset| cache::find_all(preset, environment));
    let found: Vec<CachedWeights> = found.collect();
    let folder = environment.weights_folder();
    let (unused, error) = match folder.as_deref().map(|folder| unused(folder, &found)) {
        Some(Ok(unused)) => (unused, None),
        Some(Err(error)) => (Vec::new(), Some(error_text(&error))),
        None => (Vec::new(), None),
    };
    let prepared = environment.prepared_folder().map_or_else(Vec::new, |folder| prepared::files(&folder));
    let searched = cache::searched_folders(environment);
    CacheCheck {
        folder: folder.map(|folder| folder.display().to_string()),
        searched: searched.iter().map(|folder| folder.display().to_string()).collect(),
        files: found
            .into_iter()
            .map(check_weights)
            .chain(unused)
            .chain(prepared.iter().map(check_prepared))
            .collect(),
        status: if error.is_some() { Status::Error } else { Status::Ok },
        error,
    }
}

fn check_weights(weights: CachedWeights) -> FileCheck {
    let mut check = FileCheck {
        path: weights.path.display().to_string(),
        origin: Some(weights.origin.to_string()),
        model: Some(weights.preset.name()),
        source: weights.source.map(|source| source.name()),
        bytes: fs::metadata(&weights.path).ok().map(|found| found.len()),
        expected_sha256: expected_sha256(&weights),
        ..FileCheck::default()
    };
    match check_hash(weights, &mut check) {
        Ok(note) => check.note = Some(note),
        Err(error) => (check.status, check.error) = (Status::Error, Some(error)),
    }
    check
}

/// Checks the checksums of prepared weights.
fn check_prepared(path: &PathBuf) -> FileCheck {
    let mut check = FileCheck {
        path: path.display().to_string(),
        origin: Some(Origin::Own.to_string()),
        bytes: fs::metadata(path).ok().map(|found| found.len()),
        ..FileCheck::default()
    };
    match PreparedWeights::check(path) {
        Ok(_) => check.note = Some("prepared weights, checksums as expected".to_owned()),
        Err(error) => {
            check.status = Status::Error;
            check.error = Some(format!("{error}; remove it, or run `dac models --prepare` again"));
        }
    }
    check
}

/// Hashes a file, and compares the hash with the expected one, or checks the content. Returns a description.
fn check_hash(weights: CachedWeights, check: &mut FileCheck) -> Result<String, String> {
    let path = weights.path.clone();
    let hash = move || dac::weights::sha256_of_file(&path).map_err(|error| format!("cannot read: {error}"));
    let sha256 = run_with_timeout("hash", FILE_LIMIT, hash).flatten()?;
    check.sha256 = Some(sha256.clone());
    let Some(expected) = &check.expected_sha256 else {
        let content = move || check_content(&weights, &sha256).map_err(|error| error_text(&error));
        return run_with_timeout("checkpoint", FILE_LIMIT, content).flatten();
    };
    if sha256 == *expected {
        return Ok("SHA-256 as expected".to_owned());
    }
    let remedy = match (weights.origin, weights.source) {
        (Origin::Own, Some(source)) => {
            format!("replace it with `dac download {} --source {source} --overwrite`", weights.preset)
        }
        _ => "remove it".to_owned(),
    };
    Err(format!("SHA-256 is {sha256}, expected {expected}; {remedy}"))
}

/// Expected SHA-256: the name of the Hugging Face blob that a file links to, else the published hash.
fn expected_sha256(weights: &CachedWeights) -> Option<String> {
    let blob = || {
        let target = fs::canonicalize(&weights.path).ok()?;
        let name = target.file_name()?.to_str()?.to_owned();
        let is_hash = name.len() == SHA256_DIGITS && name.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hash.then(|| name.to_ascii_lowercase())
    };
    let blob = if weights.origin == Origin::HuggingFace { blob() } else { None };
    blob.or_else(|| Some(release(weights)?.sha256?.to_owned()))
}

/// Published file with this name. The Python package's cache may contain other releases of a model.
fn release(weights: &CachedWeights) -> Option<Published> {
    let published = registry::published(weights.preset, weights.source?)?;
    let other = weights.origin == Origin::PythonPackage && {
        let name = weights.path.file_name()?.to_str()?;
        !name.ends_with(&format!("_{}.pth", published.tag?))
    };
    (!other).then_some(published)
}

/// Checks size and content of a file without an expected hash. Returns a description.
fn check_content(weights: &CachedWeights, sha256: &str) -> Result<String, Error> {
    let preset = weights.preset;
    let found = fs::metadata(&weights.path)?.len();
    if let Some(expected) = release(weights).and_then(|file| file.bytes).filter(|&bytes| bytes != found) {
        bail!("has {found} bytes, the published file has {expected}");
    }
    verify_checkpoint(&weights.path, preset).with_context(|| format!("not weights of {preset}"))?;
    Ok(match registry::of_sha256(sha256) {
        Some((_, source)) => format!("identical with {source}'s file of {preset}"),
        None => format!("checkpoint of {preset} with unknown SHA-256"),
    })
}

/// Lists unused files in this program's cache.
fn unused(folder: &Path, used: &[CachedWeights]) -> Result<Vec<FileCheck>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::new(error).context(format!("cannot read {}", folder.display()))),
    };
    let mut checks = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if used.iter().any(|weights| weights.path == path) {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let bytes = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|found| found.len());
        let note = if name.ends_with(PARTIAL_SUFFIX) {
            "unfinished download; `dac download` continues it"
        } else if name.ends_with(&format!("{PARTIAL_SUFFIX}.json")) {
            continue;
        } else if bytes == Some(0) {
            "empty, not used"
        } else {
            "not used: the name is not one of weights"
        };
        checks.push(FileCheck {
            path: path.display().to_string(),
            origin: Some(Origin::Own.to_string()),
            bytes,
            status: Status::Skipped,
            note: Some(note.to_owned()),
            ..FileCheck::default()
        });
    }
    checks.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(checks)
}
