//! `dac models`: lists the presets and their weights on this machine; with `--prepare`, prepares weights.

use anyhow::Error;
use dac::cache::{self, Environment};
use dac::prepared::prepare;
use dac::weights::registry;
use dac::{Device, LoadOptions, Preset};
use dac_batch::BatchError;
use serde::Serialize;

use crate::args::{ModelsArgs, PrepareArgs, prepared};
use crate::exit::Exit;
use crate::load::weights_file;
use crate::output::{print_record, print_text};

/// Record of `--json`.
#[derive(Debug, Serialize)]
struct Record {
    model: &'static str,
    sample_rate_hz: u32,
    codebooks: usize,
    codebook_size: usize,
    hop_samples: usize,
    frame_rate_hz: f64,
    nominal_kbps: f64,
    /// Whether the model needs no download.
    cached: bool,
    embedded: bool,
    path: Option<String>,
    /// Owner of the cache that contains the path.
    origin: Option<String>,
    sources: Vec<Publication>,
}

#[derive(Debug, Serialize)]
struct Publication {
    source: &'static str,
    url: &'static str,
    bytes: Option<u64>,
    sha256: Option<&'static str>,
}

/// Record of `--prepare --json`.
#[derive(Debug, Serialize)]
struct PreparedRecord {
    /// Prepared weights.
    path: String,
    bytes: u64,
    /// Weights file.
    weights: String,
    weights_sha256: String,
    /// Whether the file was written; a valid one is kept.
    written: bool,
}

pub(crate) fn run(args: &ModelsArgs) -> Result<Exit, Error> {
    if let Some(model) = args.prepare {
        return run_prepare(model, &args.preparation, args.json);
    }
    let environment = Environment::from_process();
    let records: Vec<Record> = Preset::ALL.into_iter().map(|preset| record(preset, &environment)).collect();
    if args.json {
        for record in &records {
            print_record(record)?;
        }
        return Ok(Exit::Done);
    }
    let mut table =
        format!("{:<22}{:>8}{:>11}{:>10}{:>9}  weights", "model", "Hz", "codebooks", "frames/s", "kbit/s");
    for record in &records {
        let Record { model, sample_rate_hz, codebooks, frame_rate_hz, nominal_kbps, .. } = record;
        let weights = match (&record.path, &record.origin) {
            _ if record.embedded => "part of this program".to_owned(),
            (Some(path), Some(origin)) => format!("{path} ({origin})"),
            _ if record.sources.is_empty() => "not part of this build".to_owned(),
            _ => format!("not found; run `dac download {model}`"),
        };
        table += &format!("\n{model:<22}{sample_rate_hz:>8}{codebooks:>11}{frame_rate_hz:>10.2}");
        table += &format!("{nominal_kbps:>9.2}  {weights}");
    }
    print_text(&table)?;
    Ok(Exit::Done)
}

fn run_prepare(model: Option<Preset>, args: &PrepareArgs, json: bool) -> Result<Exit, Error> {
    let weights = weights_file(model, args.weights.as_deref())?;
    let options = LoadOptions {
        precision: args.precision.unwrap_or_default(),
        low_latency: args.low_latency,
        prepared: prepared(),
        ..LoadOptions::on(Device::Cpu)
    };
    let expected = model.or_else(|| args.weights.is_none().then_some(dac_batch::DEFAULT_MODEL));
    let file = prepare(&weights, expected, &options).map_err(BatchError::from)?;
    if json {
        print_record(&PreparedRecord {
            path: file.path.display().to_string(),
            bytes: file.bytes,
            weights: weights.display().to_string(),
            weights_sha256: file.weights_sha256,
            written: file.is_new,
        })?;
    } else {
        let done = if file.is_new { "prepared" } else { "already prepared" };
        let megabytes = file.bytes as f64 / 1e6;
        print_text(&format!("{done}: {} ({megabytes:.1} MB)", file.path.display()))?;
    }
    Ok(Exit::Done)
}

fn record(preset: Preset, environment: &Environment) -> Record {
    let shape = preset.shape();
    let found = cache::find(preset, environment);
    let embedded = preset == Preset::Tiny && cfg!(feature = "tiny");
    let sources = registry::sources(preset).into_iter().filter_map(|source| {
        let file = registry::published(preset, source)?;
        Some(Publication { source: source.name(), url: file.url, bytes: file.bytes, sha256: file.sha256 })
    });
    Record {
        model: preset.name(),
        sample_rate_hz: shape.sample_rate_hz,
        codebooks: shape.codebooks,
        codebook_size: shape.codebook_size,
        hop_samples: shape.hop_samples(),
        frame_rate_hz: shape.frame_rate_hz(),
        nominal_kbps: shape.bitrate_kbps(shape.codebooks),
        cached: embedded || found.is_some(),
        embedded,
        path: found.as_ref().map(|weights| weights.path.display().to_string()),
        origin: found.as_ref().map(|weights| weights.origin.to_string()),
        sources: sources.collect(),
    }
}
