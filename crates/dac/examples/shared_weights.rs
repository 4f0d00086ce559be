//! Measures prepared weights: the time of a load, and the memory of several processes.
//!
//! ```sh
//! cargo run --release -p dac --example shared_weights            # 8 processes with a full-size 44khz model
//! ```
//!
//! The weights are random, written to a temporary directory. On Linux, memory is the proportional set size
//! (PSS), in which pages that several processes share count in parts.
#![allow(clippy::print_stdout, reason = "examples print")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Instant, SystemTime};

use dac::prepared::{Prepared, prepare};
use dac::{Audio, Dac, DecodeOptions, Device, EncodeOptions, LoadOptions, ModelSource, Preset};
use dac_model::RandomWeights;
use dac_nn::Weights;
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const PRESET: Preset = Preset::Khz44;
const PROCESSES: usize = 8;
const RUNS: usize = 9;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [weights, prepared] = arguments.as_slice() {
        return worker(Path::new(weights), prepared);
    }
    let folder = tempfile::tempdir()?;
    let weights = folder.path().join("random.safetensors");
    write_random_weights(&weights)?;
    let cache = folder.path().join("prepared");
    let read = LoadOptions { prepared: Prepared::Read(cache.clone()), ..LoadOptions::on(Device::Cpu) };
    let start = Instant::now();
    let file = prepare(&weights, Some(PRESET), &read)?;
    println!("prepare: {:.2} s, {:.1} MB", start.elapsed().as_secs_f64(), file.bytes as f64 / 1e6);
    for (name, options) in [("packed", LoadOptions::on(Device::Cpu)), ("prepared", read)] {
        let (mut seconds, cpu) = (Vec::new(), cpu_seconds()?);
        for _ in 0..RUNS {
            let start = Instant::now();
            let dac = open(&weights, &options)?;
            seconds.push(start.elapsed().as_secs_f64());
            assert_eq!(dac.info().prepared.is_some(), name == "prepared");
        }
        seconds.sort_by(f64::total_cmp);
        let cpu = (cpu_seconds()? - cpu) / RUNS as f64;
        println!("load, {name}: median {:.3} s of {RUNS}, CPU time {cpu:.3} s", seconds[RUNS / 2]);
        let folder = if name == "prepared" { cache.as_path() } else { Path::new("") };
        let megabytes = memory_of_processes(&weights, folder)?;
        let total: f64 = megabytes.iter().sum();
        println!("{PROCESSES} processes, {name}: PSS {:.0} MB each, {total:.0} MB together", megabytes[0]);
    }
    Ok(())
}

fn open(weights: &Path, options: &LoadOptions) -> Result<Dac> {
    Ok(Dac::open(&ModelSource::File(weights.to_path_buf()), Some(PRESET), options)?)
}

fn write_random_weights(path: &Path) -> Result<()> {
    let mut random = RandomWeights::new(PRESET.shape(), 1);
    let mut tensors = Vec::new();
    for (name, shape) in PRESET.shape().parameters() {
        let values = random.tensor(&name, &shape)?;
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        tensors.push((name, shape, bytes));
    }
    let views: Vec<_> = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<_>>()?;
    serialize_to_file(views, None, path)?;
    // Of a file that was just written, preparing waits for the clock to pass on.
    let minute_ago = SystemTime::now() - std::time::Duration::from_secs(60);
    Ok(fs::File::options().write(true).open(path)?.set_modified(minute_ago)?)
}

/// Loads the model, uses all of it, prints a line, and waits for the end of standard input.
fn worker(weights: &Path, prepared: &str) -> Result<()> {
    let mut options = LoadOptions { threads: Some(1), ..LoadOptions::on(Device::Cpu) };
    if !prepared.is_empty() {
        options.prepared = Prepared::Read(prepared.into());
    }
    let dac = open(weights, &options)?;
    let audio = Audio::mono((0..44_100).map(|n| (n as f32 * 0.05).sin() * 0.3).collect(), 44_100);
    let tokens = dac.encode(&audio, &EncodeOptions::default())?;
    dac.decode(&tokens, &DecodeOptions::default())?;
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Starts processes one after the other, and returns the memory of each when all are ready.
fn memory_of_processes(weights: &Path, prepared: &Path) -> Result<Vec<f64>> {
    let mut children: Vec<Child> = Vec::new();
    for _ in 0..PROCESSES {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(weights).arg(prepared).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        children.push(child);
    }
    let megabytes = children.iter().map(|child| pss_mb(child.id())).collect();
    for mut child in children {
        drop(child.stdin.take());
        child.wait()?;
    }
    std::io::stdout().flush()?;
    megabytes
}

/// CPU time of this process, in hundredths of a second.
fn cpu_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

fn pss_mb(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no PSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0 / 1e6)
}
