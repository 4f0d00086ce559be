//! `dac bench`: measures the time of encode and decode in one process, after a warm-up.

mod layers;
mod streaming;
mod timing;

use std::thread;
use std::time::Instant;

use anyhow::{Error, anyhow};
use dac::{Audio, Dac, Device, EncodeOptions, ModelSource};
use serde::Serialize;

use crate::args::BenchArgs;
use crate::exit::{Exit, Usage};
use crate::load::{open_named, open_source};
use crate::output::{eprint_line, print_record, print_text};
use crate::resources::{peak_rss_mb, start_threads, threads};
use layers::LayerRecord;
use timing::{Timing, measure};

/// Fixed seed of random weights, so that measurements are comparable.
const SEED: u64 = 1;

/// Record of `--json`.
#[derive(Debug, Serialize)]
struct Record {
    model: String,
    /// `random`, `embedded` or the file's path.
    weights: String,
    weights_sha256: String,
    device: String,
    precision: String,
    threads: usize,
    cpu_level: Option<String>,
    debug_build: bool,
    audio_seconds: f64,
    /// Signals processed at once; the times are of all of them.
    batch: usize,
    runs: usize,
    load_seconds: f64,
    encode: Timing,
    decode: Timing,
    peak_rss_mb: Option<f64>,
    /// Peak of one core with the engine's instruction set, two operations per multiply-add; null on other
    /// devices.
    fma_peak_gflops: Option<f64>,
    /// Null without `--layers`, and on burn devices.
    layers: Option<Vec<LayerRecord>>,
    /// With `--layers` on a burn device.
    #[cfg(feature = "burn")]
    #[serde(skip_serializing_if = "Option::is_none")]
    formulations: Option<Vec<dac::formulations::ConvolutionRecord>>,
}

pub(crate) fn run(args: &BenchArgs) -> Result<Exit, Error> {
    let chunk = args.chunk.choice_without_windows()?;
    if args.layers {
        layers::check(args)?;
    }
    let batch = args.batch.get();
    if batch > 1 && args.run.device == Device::Cpu {
        return Err(Usage("--batch applies only to burn devices; try --threads".to_owned()).into());
    }
    start_threads(args.run.threads)?;
    if args.streaming {
        return streaming::run(args);
    }
    let started = Instant::now();
    let dac = open(args, false)?;
    let load_seconds = started.elapsed().as_secs_f64();

    let chunk = chunk.for_model(&dac)?;
    let shape = dac.shape();
    let rate_hz = shape.sample_rate_hz;
    let audio = Audio::mono(signal(args.seconds, rate_hz), rate_hz);
    let audio_seconds = audio.samples() as f64 / f64::from(rate_hz);
    let encode_options = EncodeOptions { chunk, ..EncodeOptions::default() };
    let decode_options = dac::DecodeOptions { chunk, ..dac::DecodeOptions::default() };

    eprint_line("warm-up");
    let tokens = dac.encode(&audio, &encode_options)?;
    let encode = || at_once(batch, || Ok(dac.encode(&audio, &encode_options).map(drop)?));
    let decode = || at_once(batch, || Ok(dac.decode(&tokens, &decode_options).map(drop)?));
    if batch > 1 {
        encode()?;
    }
    decode()?;
    let (runs, all_seconds) = (usize::from(args.runs), batch as f64 * audio_seconds);
    let encode = measure("encode", runs, all_seconds, encode)?;
    let decode = measure("decode", runs, all_seconds, decode)?;

    let on_engine = args.run.device == Device::Cpu;
    let layers = if args.layers && on_engine { Some(layers::measure(&dac, &audio, runs)?) } else { None };
    #[cfg(feature = "burn")]
    let formulations = match args.layers && !on_engine {
        true => {
            let measured = crate::formulations::measure(&dac, chunk)?;
            Some(measured.convolutions.iter().map(Into::into).collect())
        }
        false => None,
    };
    let fma_peak_gflops = dac.codec().fma_peak_flops().map(|flops| flops / 1e9);

    let info = dac.info();
    let weights = match (&info.path, args.random_weights) {
        (_, true) => "random".to_owned(),
        (Some(path), _) => path.display().to_string(),
        (None, _) => "embedded".to_owned(),
    };
    let record = Record {
        model: args.model.to_string(),
        weights,
        weights_sha256: info.weights_sha256.clone(),
        device: args.run.device.to_string(),
        precision: args.run.precision.to_string(),
        threads: threads(args.run.threads),
        cpu_level: dac.codec().isa().map(|level| level.to_string()),
        debug_build: cfg!(debug_assertions),
        audio_seconds,
        batch,
        runs,
        load_seconds,
        encode,
        decode,
        peak_rss_mb: peak_rss_mb(),
        layers: layers.map(|times| layers::records(&times, fma_peak_gflops)),
        fma_peak_gflops,
        #[cfg(feature = "burn")]
        formulations,
    };
    if args.json {
        print_record(&record)?;
    } else {
        print_text(&table(&record))?;
    }
    Ok(Exit::Done)
}

fn open(args: &BenchArgs, low_latency: bool) -> Result<Dac, Error> {
    let mut options = args.run.load_options();
    options.timings = args.layers;
    options.low_latency = low_latency;
    options.shared_batches = args.batch.get() > 1;
    if args.random_weights {
        let source = ModelSource::Random { preset: args.model, seed: SEED };
        return Ok(open_source(&source, Some(args.model), &options)?);
    }
    Ok(open_named(Some(args.model), args.weights.as_deref(), &options)?)
}

/// Does `work` in `count` threads at the same time.
fn at_once(count: usize, work: impl Fn() -> Result<(), Error> + Sync) -> Result<(), Error> {
    if count == 1 {
        return work();
    }
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(&work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}

/// Generates a deterministic loud wide-band signal: a gliding tone with overtones, and noise.
fn signal(seconds: f64, rate_hz: u32) -> Vec<f32> {
    let rate = f64::from(rate_hz);
    let samples = ((seconds * rate).round() as usize).max(1);
    let mut state = 0x9e37_79b9_u32;
    (0..samples)
        .map(|n| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let noise = f64::from(state) / f64::from(u32::MAX) - 0.5;
            let time = n as f64 / rate;
            let phase = std::f64::consts::TAU * (220.0 * time - 30.0 * (2.0 * time).cos());
            let tone: f64 = (1..=4).map(|k| (f64::from(k) * phase).sin() / f64::from(k)).sum();
            (0.2 * tone + 0.1 * noise) as f32
        })
        .collect()
}

fn table(record: &Record) -> String {
    let Record { model, weights, device, threads, precision, .. } = record;
    let level = record.cpu_level.as_deref().unwrap_or("-");
    let count = if record.batch > 1 { format!("{} times ", record.batch) } else { String::new() };
    let mut text = format!(
        "{model} ({weights} weights) on {device} ({level}), {threads} threads, {precision}: \
         {count}{:.2} s of audio, median of {}\n",
        record.audio_seconds, record.runs
    );
    text += &format!("{:<8}{:>12}{:>12}{:>18}", "", "wall s", "CPU s", "x real time");
    for (name, timing) in [("encode", &record.encode), ("decode", &record.decode)] {
        let cpu = timing.cpu_seconds_median.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3}"));
        text += &format!(
            "\n{name:<8}{:>12.3}{cpu:>12}{:>18.2}",
            timing.wall_seconds_median, timing.real_time_factor
        );
    }
    let peak = record.peak_rss_mb.map_or_else(|| "unknown".to_owned(), |mb| format!("{mb:.0} MB"));
    text += &format!("\nloaded in {:.2} s, peak memory {peak}", record.load_seconds);
    if let Some(gflops) = record.fma_peak_gflops {
        text += &format!("; multiply-add peak of a core {gflops:.1} GFLOP/s");
    }
    if let Some(layers) = &record.layers {
        text += &layers::table(layers);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signal_is_loud_and_within_full_scale() {
        let signal = signal(0.5, 16000);
        assert_eq!(signal.len(), 8000);
        let rms = (signal.iter().map(|v| v * v).sum::<f32>() / 8000.0).sqrt();
        assert!(rms > 0.1 && signal.iter().all(|v| v.abs() < 1.0), "{rms}");
        assert_eq!(super::signal(1e-9, 16000).len(), 1);
    }
}
