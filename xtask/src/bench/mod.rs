//! `cargo xtask bench`: measures the release binary, stores the run and renders `docs/benchmarks/README.md`.

pub mod gpu_kit;
pub mod machine;
pub mod peers;
pub mod render;
pub mod store;

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, ensure};
use serde::{Deserialize, Serialize};

use crate::binary::Binary;
use crate::process::{command_line, stdout_of};
use store::{Kind, Run};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Models, as listed by `dac models`.
    #[arg(long, value_delimiter = ',', default_value = "44khz")]
    presets: Vec<String>,
    /// Seconds of audio.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Numbers of threads.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Measured runs after the warm-up; tables contain their median.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Devices, as for `dac --device`.
    #[arg(long, value_delimiter = ',', default_value = "cpu")]
    devices: Vec<String>,
    /// Compare with PyTorch and ONNX Runtime on the same weights.
    #[arg(long)]
    peers: bool,
    /// Built dac [default: build one].
    #[arg(long)]
    binary: Option<PathBuf>,
    /// With --peers: Python that can import the reference [default: created by fixtures/python/setup.sh].
    #[arg(long)]
    python: Option<PathBuf>,
    /// With --peers: Python that creates the environment of PyTorch and ONNX Runtime.
    #[arg(long, default_value = "python3")]
    peers_python: PathBuf,
    /// Store measurements of another machine instead of measuring: records of `dac bench --json` (a file with
    /// one per line), or results.json of `cargo xtask gpu`.
    #[arg(long, requires = "machine")]
    import: Option<PathBuf>,
    /// With --import: description of that machine.
    #[arg(long)]
    machine: Option<String>,
    /// Only render docs/benchmarks/README.md from the stored runs.
    #[arg(long)]
    render: bool,
}

/// One record of `dac bench --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub model: String,
    pub device: String,
    pub threads: usize,
    pub cpu_level: Option<String>,
    pub audio_seconds: f64,
    pub encode: Timing,
    pub decode: Timing,
    pub peak_rss_mb: Option<f64>,
    /// Fields that the tables do not use, stored unchanged.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

/// Encode or decode times of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    pub wall_seconds_median: f64,
    pub cpu_seconds_median: Option<f64>,
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl Record {
    /// Number of signals processed at once.
    pub fn batch(&self) -> u64 {
        self.rest.get("batch").and_then(serde_json::Value::as_u64).unwrap_or(1)
    }

    /// Device with what is not the default: instruction set, precision, batch.
    pub fn device_text(&self) -> String {
        let level = self.cpu_level.as_ref().map_or_else(String::new, |level| format!(" ({level})"));
        let precision =
            self.rest.get("precision").and_then(serde_json::Value::as_str).filter(|&p| p != "f32");
        let precision = precision.map_or_else(String::new, |precision| format!(", {precision}"));
        let batch = if self.batch() > 1 { format!(", batch of {}", self.batch()) } else { String::new() };
        format!("{}{level}{precision}{batch}", self.device)
    }
}

pub fn run(args: &Args) -> Result<(), Error> {
    if !args.render {
        let run = match (&args.import, args.peers) {
            (Some(file), _) => import(file, args.machine.as_deref().unwrap_or_default())?,
            (None, true) => peers::measure(args)?,
            (None, false) => measure(args)?,
        };
        println!("{}", render::run(&run));
        println!("stored as {}", store::save(&run)?.display());
    }
    let path = render::write(&store::all()?)?;
    println!("rendered {}", path.display());
    Ok(())
}

fn measure(args: &Args) -> Result<Run, Error> {
    let binary = Binary::find_or_build(args.binary.as_deref(), &args.devices)?;
    let mut run = Run::new(Kind::Bench, machine::Machine::local()?)?;
    for preset in &args.presets {
        for device in &args.devices {
            for &threads in &args.threads {
                let mut command = binary.command();
                command.args(["bench", "--model", preset, "--random-weights", "--json", "--device", device]);
                command.args(["--seconds", &args.seconds.to_string(), "--runs", &args.runs.to_string()]);
                command.args(["--threads", &threads.to_string()]);
                // Sets the number of threads of burn's backends.
                command.env("RAYON_NUM_THREADS", threads.to_string());
                let line = command_line(&command);
                eprintln!("$ {line}");
                run.commands.push(store::without_folders(&line));
                run.records.push(parse(&stdout_of(&mut command)?)?);
            }
        }
    }
    Ok(run)
}

/// Parses the output of `dac bench --json`.
pub fn parse(line: &str) -> Result<Record, Error> {
    let record: Record = serde_json::from_str(line)
        .with_context(|| format!("not a record of dac bench --json: {line:.200}"))?;
    let is_debug = record.rest.get("debug_build") == Some(&true.into());
    ensure!(!is_debug, "cannot use measurements of a debug build");
    Ok(record)
}

fn import(file: &Path, machine: &str) -> Result<Run, Error> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut run = Run::new(Kind::Bench, machine::Machine::named(machine))?;
    if let Ok(results) = serde_json::from_str::<gpu_kit::Results>(&text) {
        (run.commands, run.records) = results.records().into_iter().unzip();
        run.commit = results.commit;
    } else {
        run.commands.push("dac bench --json, on that machine".to_owned());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            run.records.push(parse(line)?);
        }
    }
    ensure!(!run.records.is_empty(), "{}: no records", file.display());
    Ok(run)
}

/// Returns the middle value, or the mean of the two middle ones; NaN for an empty slice.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n => f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]),
    }
}
