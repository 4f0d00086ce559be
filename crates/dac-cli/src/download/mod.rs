//! `dac download`: published weights into the cache, proved to be what they should be before they are there.

mod fetch;
mod progress;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Error, anyhow, bail};
use dac::Preset;
use dac::cache::{self, Environment};
use dac::weights::Checkpoint;
use dac::weights::registry::{self, Published};
use dac_manifest::Status;
use serde::Serialize;

use crate::args::DownloadArgs;
use crate::exit::{Exit, Usage};
use crate::report::{error_text, print_record, say};

/// One record of `dac download --json`.
#[derive(Debug, Serialize)]
struct Record {
    model: String,
    source: Option<&'static str>,
    /// The address or file that it came from; none when it was there already.
    from: Option<String>,
    path: Option<String>,
    bytes: Option<u64>,
    sha256: Option<String>,
    elapsed_seconds: f64,
    status: Status,
    error: Option<String>,
}

/// What is to be fetched, from where to where, and what it must be.
struct Order {
    preset: Preset,
    origin: From,
    target: PathBuf,
    bytes: Option<u64>,
    sha256: Option<String>,
}

enum From {
    Url(String),
    File(PathBuf),
}

/// What lies in the cache afterwards.
struct Got {
    path: PathBuf,
    sha256: String,
    fetched: bool,
}

/// Runs `dac download`.
pub(crate) fn run(args: &DownloadArgs) -> Result<Exit, Error> {
    let started = Instant::now();
    let environment = Environment::from_process();
    let order = order(args, &environment)?;
    let result = carry_out(args, &order, &environment);
    let bytes = |path: &Path| fs::metadata(path).ok().map(|found| found.len());
    let origin = match &order.origin {
        From::Url(url) => url.clone(),
        From::File(path) => path.display().to_string(),
    };
    let record = Record {
        model: args.preset.to_string(),
        source: args.source.map(|source| source.name()),
        from: result.as_ref().is_ok_and(|got| got.fetched).then_some(origin),
        path: result.as_ref().ok().map(|got| got.path.display().to_string()),
        bytes: result.as_ref().ok().and_then(|got| bytes(&got.path)),
        sha256: result.as_ref().ok().map(|got| got.sha256.clone()),
        elapsed_seconds: started.elapsed().as_secs_f64(),
        status: match &result {
            Ok(got) if got.fetched => Status::Ok,
            Ok(_) => Status::Skipped,
            Err(_) => Status::Error,
        },
        error: result.as_ref().err().map(error_text),
    };
    if args.json {
        print_record(&record)?;
    }
    match result {
        Ok(got) => {
            if got.fetched {
                say(format_args!("{}: ready in {}", args.preset, got.path.display()));
            }
            if let Some(used) = cache::find(args.preset, &environment)
                && used.path != got.path
            {
                say(format_args!("{}: {} comes first and is what is used", args.preset, used.path.display()));
            }
            Ok(Exit::Done)
        }
        Err(error) => {
            say(format_args!("error: {}", error_text(&error)));
            Ok(Exit::SomeFailed)
        }
    }
}

/// Settles address, place and demands; everything wrong here is wrong usage.
fn order(args: &DownloadArgs, environment: &Environment) -> Result<Order, Usage> {
    let preset = args.preset;
    let sources = registry::sources(preset);
    let Some(default) = sources.first().copied() else {
        return Err(Usage(format!("{preset} is part of this program: there is nothing to download")));
    };
    let published = |source| {
        registry::published(preset, source).ok_or_else(|| {
            let names: Vec<_> = sources.iter().map(|source| source.name()).collect();
            Usage(format!("{source} does not publish {preset}; it is to be had from {}", names.join(", ")))
        })
    };
    // A chosen address or file is anybody's, unless the source is named too.
    let chosen = args.url.is_some() || args.from.is_some();
    let source = if chosen { args.source } else { Some(args.source.unwrap_or(default)) };
    let file: Option<Published> = source.map(published).transpose()?;
    let origin = match (&args.url, &args.from, &file) {
        (Some(url), ..) if url.starts_with("http://") || url.starts_with("https://") => {
            From::Url(url.clone())
        }
        (Some(url), ..) => {
            return Err(Usage(format!(
                "--url takes http:// and https:// addresses, found '{url}'; --from takes files"
            )));
        }
        (None, Some(path), _) => From::File(path.clone()),
        (None, None, Some(file)) => From::Url(file.url.to_owned()),
        (None, None, None) => return Err(Usage(format!("{preset}: no source"))),
    };
    let name = match &origin {
        From::Url(url) => Path::new(url.split(['?', '#']).next().unwrap_or(url)),
        From::File(path) => path.as_path(),
    };
    let extension = name.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let target = cache::place(preset, source, extension, environment)
        .ok_or_else(|| Usage("no cache folder: set DAC_HOME, or HOME".to_owned()))?;
    let known = file.as_ref().and_then(|file| file.sha256).map(str::to_owned);
    Ok(Order {
        preset,
        origin,
        target,
        bytes: file.as_ref().and_then(|file| file.bytes),
        sha256: args.sha256.clone().or(known),
    })
}

fn carry_out(args: &DownloadArgs, order: &Order, environment: &Environment) -> Result<Got, Error> {
    if !args.overwrite
        && let Some(got) = present(args, order, environment)?
    {
        return Ok(got);
    }
    if let Some(folder) = order.target.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    }
    let mut part = order.target.as_os_str().to_owned();
    part.push(cache::PARTIAL_SUFFIX);
    let part = PathBuf::from(part);
    match &order.origin {
        From::Url(url) => {
            say(format_args!("{}: downloading {url}", order.preset));
            fetch::fetch(url, &part, order.bytes)?;
        }
        From::File(path) => {
            let copied = fs::copy(path, &part).inspect_err(|_| fetch::remove(&part));
            copied.with_context(|| format!("{}: cannot be copied", path.display()))?;
        }
    }
    let sha256 = check(order, &part).inspect_err(|_| fetch::remove(&part))?;
    fetch::finish(&part, &order.target)?;
    Ok(Got { path: order.target.clone(), sha256, fetched: true })
}

/// What is on the machine already and needs no download: the target itself, or, when nothing in particular was asked for, a
/// file in another cache.
fn present(args: &DownloadArgs, order: &Order, environment: &Environment) -> Result<Option<Got>, Error> {
    let particular =
        args.source.is_some() || args.url.is_some() || args.from.is_some() || args.sha256.is_some();
    let found = if particular {
        order.target.is_file().then(|| order.target.clone())
    } else {
        cache::find(order.preset, environment).map(|weights| weights.path)
    };
    let Some(path) = found else { return Ok(None) };
    let sha256 =
        dac::weights::sha256_of_file(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    if path == order.target && order.sha256.as_ref().is_some_and(|expected| *expected != sha256) {
        say(format_args!(
            "{}: its SHA-256 is {sha256}, not the expected one; it is replaced",
            path.display()
        ));
        return Ok(None);
    }
    say(format_args!("{}: already there as {}; --overwrite replaces it", order.preset, path.display()));
    Ok(Some(Got { path, sha256, fetched: false }))
}

/// Demands size and hash where they are known, and that the file is a checkpoint of the model. Returns its hash.
fn check(order: &Order, part: &Path) -> Result<String, Error> {
    let from = match &order.origin {
        From::Url(url) => url.clone(),
        From::File(path) => path.display().to_string(),
    };
    let found = fs::metadata(part)?.len();
    if let Some(expected) = order.bytes.filter(|&expected| expected != found) {
        return Err(fetch::wrong_size(&from, expected, found));
    }
    let sha256 =
        dac::weights::sha256_of_file(part).with_context(|| format!("{}: cannot be read", part.display()))?;
    match &order.sha256 {
        Some(expected) if *expected != sha256 => {
            bail!("{from}: has the SHA-256 {sha256}, expected {expected}; removed");
        }
        Some(_) => say(format_args!("{}: SHA-256 as expected", order.preset)),
        None => match registry::of_sha256(&sha256) {
            Some((preset, source)) => {
                say(format_args!("{}: this is {preset} as {source} publishes it", order.preset))
            }
            None => say(format_args!("{}: no SHA-256 is known for this file; found {sha256}", order.preset)),
        },
    }
    Checkpoint::open(part, Some(order.preset)).map_err(|error| {
        anyhow!(error).context(format!("{from}: not weights of {}; removed", order.preset))
    })?;
    Ok(sha256)
}
