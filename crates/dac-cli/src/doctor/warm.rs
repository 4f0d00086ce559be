//! `dac doctor --warm`: a GPU looks for its fastest programs now, and keeps them for later runs.

use std::time::Instant;

use anyhow::Error;
use dac::{Audio, Chunking, Dac, DecodeOptions, Device, EncodeOptions, ModelSource};
use dac_manifest::Status;
use serde::Serialize;

use crate::args::{DEFAULT_MODEL, RunArgs, WarmArgs};
use crate::exit::{Exit, Usage};
use crate::model::open_source;
use crate::report::{print_record, print_text};

/// The weights are none of anybody's: which program is fastest depends on shapes alone.
const SEED: u64 = 1;
/// Chunks of the signal: a first one, those within, and a last one that is cut short.
const CHUNKS: f64 = 3.5;

#[derive(Debug, Serialize)]
struct Record {
    status: Status,
    device: String,
    model: &'static str,
    precision: String,
    chunk_seconds: f64,
    /// Windows that are worked on at once.
    encode_together: usize,
    decode_together: usize,
    first_seconds: f64,
    /// The same work once more.
    again_seconds: f64,
    /// Where the findings are kept.
    folder: Option<String>,
}

/// Runs `dac doctor --warm`.
pub(super) fn run(args: &WarmArgs, json: bool) -> Result<Exit, Error> {
    if !cfg!(feature = "autotune-cache") {
        let why = "this build keeps nothing of what a GPU finds out: build with the feature 'autotune-cache'";
        return Err(Usage(why.to_owned()).into());
    }
    let run = run_args(args)?;
    let preset = args.model.unwrap_or(DEFAULT_MODEL);
    let dac = open_source(&ModelSource::Random { preset, seed: SEED }, None, &run)?;
    let chunk_seconds = args.chunk_seconds.map_or(Chunking::DEFAULT_SECONDS, |seconds| seconds.0);
    let chunk = Chunking::Exact { chunk_seconds };
    let (encode_together, decode_together) = dac.batch_windows(chunk)?;
    let seconds = chunk_seconds * (CHUNKS + encode_together.max(decode_together) as f64);
    let work = || work(&dac, chunk, seconds);
    let (first_seconds, again_seconds) = (work()?, work()?);
    let folder = dac::cache::Environment::from_process().autotune_folder();
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
    };
    if json {
        print_record(&record)?;
    } else {
        let kept = record.folder.as_deref().unwrap_or("nowhere: set DAC_HOME, or HOME");
        print_text(&format!(
            "{} on {} in {}: {first_seconds:.2} s at first, {again_seconds:.2} s again\nkept in {kept}",
            record.model, record.device, record.precision
        ))?;
    }
    Ok(Exit::Done)
}

fn run_args(args: &WarmArgs) -> Result<RunArgs, Usage> {
    let is_gpu = |device: &Device| matches!(device, Device::Wgpu(_) | Device::Cuda(_));
    let device = args.device.or_else(|| Device::compiled().into_iter().find(is_gpu));
    let device = device.filter(is_gpu).ok_or_else(|| {
        Usage("--warm is for GPUs: --device wgpu[:N] or cuda[:N], in a build that has them".to_owned())
    })?;
    Ok(RunArgs {
        memory_budget: args.memory_budget,
        ..RunArgs::on(device, args.precision.unwrap_or_default())
    })
}

/// Encodes and decodes noise of that length; gives the seconds it took.
fn work(dac: &Dac, chunk: Chunking, seconds: f64) -> Result<f64, Error> {
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
