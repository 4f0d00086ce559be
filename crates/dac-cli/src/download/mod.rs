//! `dac download`: puts published weights into the cache after their size, SHA-256 and content are verified.

mod address;
mod fetch;
mod hub;
mod progress;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Error, bail};
use dac::Preset;
use dac::cache::{self, Environment};
use dac::weights::Checkpoint;
use dac::weights::registry::{self, Published};
use dac_batch::Status;
use serde::Serialize;

use self::hub::Hub;
use crate::args::DownloadArgs;
use crate::exit::{Exit, Usage};
use crate::output::{eprint_line, error_text, print_record};

/// Record of `--json`.
#[derive(Debug, Serialize)]
struct Record {
    model: String,
    source: Option<&'static str>,
    /// Address or file; null if the weights were already in the cache.
    from: Option<String>,
    path: Option<String>,
    bytes: Option<u64>,
    sha256: Option<String>,
    elapsed_seconds: f64,
    status: Status,
    error: Option<String>,
}

struct Request {
    preset: Preset,
    from: Location,
    target: PathBuf,
    /// Required size, where known.
    bytes: Option<u64>,
    /// Required SHA-256, where known.
    sha256: Option<String>,
}

enum Location {
    Url(String),
    File(PathBuf),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(&address::masked(url)),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

struct Weights {
    path: PathBuf,
    sha256: String,
    is_new: bool,
}

pub(crate) fn run(args: &DownloadArgs) -> Result<Exit, Error> {
    let started = Instant::now();
    let environment = Environment::from_process();
    let hub = Hub::from_process();
    let request = request(args, &environment, &hub)?;
    let result = ensure_weights(args, &request, &environment, &hub);
    let weights = result.as_ref().ok();
    let record = Record {
        model: args.preset.to_string(),
        source: args.source.map(|source| source.name()),
        from: weights.filter(|weights| weights.is_new).map(|_| request.from.to_string()),
        path: weights.map(|weights| weights.path.display().to_string()),
        bytes: weights.and_then(|weights| fs::metadata(&weights.path).ok()).map(|found| found.len()),
        sha256: weights.map(|weights| weights.sha256.clone()),
        elapsed_seconds: started.elapsed().as_secs_f64(),
        status: match weights {
            Some(weights) if weights.is_new => Status::Ok,
            Some(_) => Status::Skipped,
            None => Status::Error,
        },
        error: result.as_ref().err().map(error_text),
    };
    if args.json {
        print_record(&record)?;
    }
    let weights = match result {
        Ok(weights) => weights,
        Err(error) => {
            eprint_line(format_args!("error: {}", error_text(&error)));
            return Ok(Exit::SomeFailed);
        }
    };
    if weights.is_new {
        eprint_line(format_args!("{}: saved as {}", args.preset, weights.path.display()));
    }
    if let Some(used) = cache::find(args.preset, &environment)
        && used.path != weights.path
    {
        let used = used.path.display();
        eprint_line(format_args!("warning: {}: {used} takes precedence and will be used", args.preset));
    }
    Ok(Exit::Done)
}

/// Determines what to download, from where, and the place in the cache.
fn request(args: &DownloadArgs, environment: &Environment, hub: &Hub) -> Result<Request, Usage> {
    let preset = args.preset;
    let sources = registry::sources(preset);
    let Some(default) = sources.first().copied() else {
        return Err(Usage(format!("{preset} is part of this program and needs no download")));
    };
    let published = |source| {
        registry::published(preset, source).ok_or_else(|| {
            let names: Vec<_> = sources.iter().map(|source| source.name()).collect();
            Usage(format!("{source} does not publish {preset}; publishers are {}", names.join(", ")))
        })
    };
    // An address or file of the user's has no publisher unless `--source` names one.
    let has_location = args.url.is_some() || args.from.is_some();
    let source = if has_location { args.source } else { Some(args.source.unwrap_or(default)) };
    let file: Option<Published> = source.map(published).transpose()?;
    let from = match (&args.url, &args.from, &file) {
        (Some(url), ..) if url.starts_with("http://") || url.starts_with("https://") => {
            Location::Url(url.clone())
        }
        (Some(url), ..) => {
            return Err(Usage(format!(
                "--url takes http:// and https:// addresses, found '{url}'; use --from for files"
            )));
        }
        (None, Some(path), _) => Location::File(path.clone()),
        (None, None, Some(file)) => Location::Url(hub.address(file.url)?),
        (None, None, None) => return Err(Usage(format!("no publisher of {preset} is known"))),
    };
    let name = match &from {
        Location::Url(url) => Path::new(url.split(['?', '#']).next().unwrap_or(url)),
        Location::File(path) => path.as_path(),
    };
    let extension = name.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let target = cache::place(preset, source, extension, environment)
        .ok_or_else(|| Usage("no cache directory: set DAC_HOME or HOME".to_owned()))?;
    let known = file.as_ref().and_then(|file| file.sha256).map(str::to_owned);
    Ok(Request {
        preset,
        from,
        target,
        bytes: file.as_ref().and_then(|file| file.bytes),
        sha256: args.sha256.clone().or(known),
    })
}

/// Finds the weights in the caches or downloads them.
fn ensure_weights(
    args: &DownloadArgs,
    request: &Request,
    environment: &Environment,
    hub: &Hub,
) -> Result<Weights, Error> {
    if !args.overwrite
        && let Some(weights) = find_existing(args, request, environment)?
    {
        return Ok(weights);
    }
    if let Some(folder) = request.target.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut part = request.target.as_os_str().to_owned();
    part.push(cache::PARTIAL_SUFFIX);
    let part = PathBuf::from(part);
    match &request.from {
        Location::Url(url) => {
            eprint_line(format_args!("{}: downloading {}", request.preset, request.from));
            fetch::fetch(url, hub.token_for(url), &part, request.bytes)?;
        }
        Location::File(path) => {
            let copied = fs::copy(path, &part).inspect_err(|_| fetch::remove(&part));
            copied.with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    let sha256 = verify(request, &part).inspect_err(|_| fetch::remove(&part))?;
    fetch::finish(&part, &request.target)?;
    Ok(Weights { path: request.target.clone(), sha256, is_new: true })
}

/// Finds the target itself, or, without options that select a file, any weights in a cache.
fn find_existing(
    args: &DownloadArgs,
    request: &Request,
    environment: &Environment,
) -> Result<Option<Weights>, Error> {
    let is_specific =
        args.source.is_some() || args.url.is_some() || args.from.is_some() || args.sha256.is_some();
    let found = if is_specific {
        request.target.is_file().then(|| request.target.clone())
    } else {
        cache::find(request.preset, environment).map(|weights| weights.path)
    };
    let Some(path) = found else { return Ok(None) };
    let sha256 =
        dac::weights::sha256_of_file(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if path == request.target && request.sha256.as_ref().is_some_and(|expected| *expected != sha256) {
        eprint_line(format_args!(
            "{}: SHA-256 is {sha256}, not the expected one; downloading again",
            path.display()
        ));
        return Ok(None);
    }
    let preset = request.preset;
    eprint_line(format_args!("{preset}: already exists as {}; --overwrite replaces it", path.display()));
    Ok(Some(Weights { path, sha256, is_new: false }))
}

/// Verifies that a file is the expected one and a checkpoint of the model. Returns its SHA-256.
fn verify(request: &Request, part: &Path) -> Result<String, Error> {
    let (preset, from) = (request.preset, request.from.to_string());
    let found = fs::metadata(part)?.len();
    if let Some(expected) = request.bytes.filter(|&expected| expected != found) {
        bail!("{}{}", fetch::wrong_size(&from, expected, found), content_note(part));
    }
    let sha256 =
        dac::weights::sha256_of_file(part).with_context(|| format!("cannot read {}", part.display()))?;
    match &request.sha256 {
        Some(expected) if *expected != sha256 => {
            let note = content_note(part);
            bail!("{from}: SHA-256 is {sha256}, expected {expected}; the new copy was removed{note}");
        }
        Some(_) => eprint_line(format_args!("{preset}: SHA-256 as expected")),
        None => match registry::of_sha256(&sha256) {
            Some((known, source)) => {
                eprint_line(format_args!("{preset}: identical with {source}'s file of {known}"))
            }
            None => eprint_line(format_args!(
                "{preset}: unverified: SHA-256 is {sha256}; the expected one is unknown"
            )),
        },
    }
    verify_checkpoint(part, preset)
        .with_context(|| format!("{from}: not weights of {preset}; the new copy was removed"))?;
    Ok(sha256)
}

/// Checks that a file contains a preset's weights, with all their values.
pub(crate) fn verify_checkpoint(path: &Path, preset: Preset) -> Result<(), Error> {
    Ok(Checkpoint::open(path, Some(preset))?.check_values()?)
}

/// Describes the content of a file that is not the published one, unless it is a checkpoint.
fn content_note(path: &Path) -> String {
    Checkpoint::open(path, None).err().map_or_else(String::new, |error| format!("; it is {}", error.reason))
}
