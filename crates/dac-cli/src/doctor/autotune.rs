//! `dac doctor --autotune`: measures the fastest formulations and kernels on a burn device, and saves them
//! for later runs.

use std::time::Instant;

use anyhow::Error;
use dac::cache::Environment;
use dac::formulations::{ConvolutionRecord, Formulations, save};
use dac::{Audio, Chunking, Dac, DecodeOptions, Device, EncodeOptions, LoadOptions, ModelSource};
use dac_batch::{DEFAULT_MODEL, Status};
use serde::Serialize;

use crate::args::AutotuneArgs;
use crate::exit::{Exit, Usage};
use crate::formulations;
use crate::load::open_source;
use crate::output::{print_record, print_text};

/// Seed of random weights, which suffice because autotuning depends only on shapes.
const SEED: u64 = 1;
/// Chunks of the signal: a first one, two inner ones and an incomplete last one.
const CHUNKS: f64 = 3.5;

#[derive(Debug, Serialize)]
struct Record {
    status: Status,
    device: String,
    model: &'static str,
    precision: String,
    chunk_seconds: f64,
    /// Windows per batch.
    encode_together: usize,
    decode_together: usize,
    first_seconds: f64,
    /// Time of a second, identical run.
    again_seconds: f64,
    /// Directory of the saved results.
    folder: Option<String>,
    /// File of the formulations in it; null with `--formulation`.
    formulations_file: Option<String>,
    formulations: Option<Vec<ConvolutionRecord>>,
    /// Whether burn's choices of kernels are saved, too: on GPUs, in a build with `autotune-cache`.
    kernels_saved: bool,
}

pub(super) fn run(args: &AutotuneArgs, json: bool) -> Result<Exit, Error> {
    let run = run_args(args)?;
    let preset = args.model.unwrap_or(DEFAULT_MODEL);
    let source = ModelSource::Random { preset, seed: SEED };
    let chunk_seconds = args.chunk_seconds.unwrap_or(Chunking::DEFAULT_SECONDS);
    let chunk = Chunking::Exact { chunk_seconds };
    let environment = Environment::from_process();
    let mut dac = open_source(&source, None, &run)?;
    let mut measured = None;
    if args.formulation.is_none() {
        let found = formulations::measure(&dac, chunk)?;
        let file = save(&found, &run, &environment)?;
        // This one uses them.
        dac = open_source(&source, None, &run)?;
        measured = Some((found, file.display().to_string()));
    }
    let (measured, formulations_file) = measured.unzip();
    let (encode_together, decode_together) = dac.batch_windows(chunk)?;
    let seconds = chunk_seconds * (CHUNKS + encode_together.max(decode_together) as f64);
    let run_once = || encode_and_decode(&dac, chunk, seconds);
    let (first_seconds, again_seconds) = (run_once()?, run_once()?);
    let folder = environment.autotune_folder();
    let record = Record {
        status: Status::Ok,
        device: run.device.to_string(),
        model: preset.name(),
        precision: run.precision.to_string(),
        chunk_seconds,
        encode_together,
        decode_together,
        first_seconds,
        again_seconds,
        folder: folder.map(|folder| folder.display().to_string()),
        formulations_file,
        formulations: measured.map(|m| m.convolutions.iter().map(ConvolutionRecord::from).collect()),
        kernels_saved: cfg!(feature = "autotune-cache") && run.device.is_gpu(),
    };
    if json {
        print_record(&record)?;
    } else {
        let saved = record.formulations_file.as_ref().map(|file| format!("\nformulations saved in {file}"));
        let kernels = match (&record.folder, record.kernels_saved) {
            (Some(folder), true) => format!("\nkernels saved in {folder}"),
            _ if run.device.is_gpu() => {
                let needs = "the feature 'autotune-cache' and a cache directory (DAC_HOME or HOME)";
                format!("\nkernels not saved: that needs {needs}")
            }
            _ => String::new(),
        };
        print_text(&format!(
            "{} on {} in {}: first run {first_seconds:.2} s, second run {again_seconds:.2} s{}{kernels}",
            record.model,
            record.device,
            record.precision,
            saved.unwrap_or_default()
        ))?;
    }
    Ok(Exit::Done)
}

fn run_args(args: &AutotuneArgs) -> Result<LoadOptions, Usage> {
    let device = args.device.or_else(|| Device::compiled().into_iter().find(|device| device.is_gpu()));
    let device = device.filter(|device| *device != Device::Cpu).ok_or_else(|| {
        Usage("--autotune needs a burn device: --device wgpu[:N], cuda[:N], flex or ndarray".to_owned())
    })?;
    Ok(LoadOptions {
        precision: args.precision.unwrap_or_default(),
        formulations: args.formulation.and_then(|formulation| formulation.0).map(Formulations::all),
        memory_budget_bytes: args.memory_budget,
        ..LoadOptions::on(device)
    })
}

/// Encodes and decodes `seconds` of noise. Returns the time in seconds.
fn encode_and_decode(dac: &Dac, chunk: Chunking, seconds: f64) -> Result<f64, Error> {
    let rate_hz = dac.shape().sample_rate_hz;
    let noise = |n: usize| ((n.wrapping_mul(2_654_435_761) >> 8) & 0xffff) as f32 / 131_072.0 - 0.25;
    let audio = Audio::mono((0..(seconds * f64::from(rate_hz)) as usize).map(noise).collect(), rate_hz);
    let (mut encode, mut decode) = (EncodeOptions::default(), DecodeOptions::default());
    (encode.chunk, decode.chunk) = (chunk, chunk);
    let started = Instant::now();
    let tokens = dac.encode(&audio, &encode)?;
    dac.decode(&tokens, &decode)?;
    Ok(started.elapsed().as_secs_f64())
}
