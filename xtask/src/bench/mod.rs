//! `cargo xtask bench`: measures the release binary, keeps the run, renders `docs/benchmarks.md` from all runs.

mod machine;
mod peers;
mod render;
mod store;

use std::path::PathBuf;

use anyhow::{Context, Error, bail};
use serde::{Deserialize, Serialize};

use crate::binary::Binary;
use crate::process::{output, shown};
use store::{Kind, Run};

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Models: 44khz, 44khz-16kbps, 24khz, 16khz, tiny.
    #[arg(long, value_delimiter = ',', default_value = "44khz")]
    presets: Vec<String>,
    /// Seconds of audio.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Numbers of threads.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Measured runs after the warm-up, of which the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Devices, by the names of `dac --device`.
    #[arg(long, value_delimiter = ',', default_value = "cpu")]
    devices: Vec<String>,
    /// Compare with PyTorch and ONNX Runtime on the same weights, in turns.
    #[arg(long)]
    peers: bool,
    /// A built dac, instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// With --peers: a Python that can import the reference, to make the weights with, instead of setting one up.
    #[arg(long)]
    python: Option<PathBuf>,
    /// With --peers: the Python of which the peers' environment is made.
    #[arg(long, default_value = "python3")]
    peers_python: PathBuf,
    /// Keep records of `dac bench --json` that were made on another machine (a file of one record a line), measure nothing.
    #[arg(long, requires = "machine")]
    import: Option<PathBuf>,
    /// With --import: that machine, in words.
    #[arg(long)]
    machine: Option<String>,
    /// Measure nothing, render docs/benchmarks.md from the runs that are kept.
    #[arg(long)]
    render: bool,
}

/// One record of `dac bench --json`, as far as tables need it; it is kept whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) model: String,
    pub(crate) device: String,
    pub(crate) threads: usize,
    pub(crate) cpu_level: Option<String>,
    pub(crate) audio_seconds: f64,
    pub(crate) encode: Timing,
    pub(crate) decode: Timing,
    pub(crate) peak_rss_mb: Option<f64>,
    /// All other fields.
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, serde_json::Value>,
}

/// One direction of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timing {
    pub(crate) wall_seconds_median: f64,
    pub(crate) cpu_seconds_median: Option<f64>,
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, serde_json::Value>,
}

/// Runs the task.
///
/// # Errors
/// When a program fails or a run cannot be kept.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    if !args.render {
        let run = match (&args.import, args.peers) {
            (Some(file), _) => import(file, args.machine.as_deref().unwrap_or_default())?,
            (None, true) => peers::measure(args)?,
            (None, false) => measure(args)?,
        };
        println!("{}", render::run(&run));
        println!("kept as {}", store::keep(&run)?.display());
    }
    let path = render::write(&store::all()?)?;
    println!("rendered {}", path.display());
    Ok(())
}

fn measure(args: &Args) -> Result<Run, Error> {
    let binary = Binary::for_devices(args.binary.as_deref(), &args.devices)?;
    let mut run = Run::begin(Kind::Bench, machine::Machine::this()?)?;
    for preset in &args.presets {
        for device in &args.devices {
            for &threads in &args.threads {
                let mut command = binary.command();
                command.args(["bench", "--model", preset, "--random-weights", "--json", "--device", device]);
                command.args(["--seconds", &args.seconds.to_string(), "--runs", &args.runs.to_string()]);
                command.args(["--threads", &threads.to_string()]);
                // burn's backends take their threads from here.
                command.env("RAYON_NUM_THREADS", threads.to_string());
                eprintln!("$ {}", shown(&command));
                run.commands.push(store::portable(&shown(&command)));
                run.records.push(parse(&output(&mut command)?)?);
            }
        }
    }
    Ok(run)
}

/// Reads the one record that a `dac bench --json` prints.
fn parse(line: &str) -> Result<Record, Error> {
    let record: Record =
        serde_json::from_str(line).with_context(|| format!("not a record of dac bench: {line:.200}"))?;
    if record.rest.get("debug_build") == Some(&true.into()) {
        bail!("measured with a debug build");
    }
    Ok(record)
}

fn import(file: &std::path::Path, machine: &str) -> Result<Run, Error> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut run = Run::begin(Kind::Bench, machine::Machine::other(machine))?;
    run.commands.push("dac bench --json, on that machine".to_owned());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        run.records.push(parse(line)?);
    }
    if run.records.is_empty() {
        bail!("{}: no records", file.display());
    }
    Ok(run)
}

/// The middle value, or the mean of the two middle ones; NaN of none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n => f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const LINE: &str = r#"{"model":"44khz","weights":"random","device":"cpu","precision":"f32","threads":1,
        "cpu_level":"avx512","debug_build":false,"audio_seconds":10.0,"runs":3,"load_seconds":1.2,
        "encode":{"wall_seconds_median":1.5,"cpu_seconds_median":1.4,"real_time_factor":6.7,"wall_seconds":[1.5]},
        "decode":{"wall_seconds_median":2.5,"cpu_seconds_median":null,"real_time_factor":4.0,"wall_seconds":[2.5]},
        "peak_rss_mb":640.5}"#;

    #[test]
    fn a_record_is_kept_whole() {
        let record = parse(LINE).unwrap();
        assert_eq!((record.threads, record.decode.wall_seconds_median), (1, 2.5));
        let kept: serde_json::Value = serde_json::to_value(&record).unwrap();
        assert_eq!(kept, serde_json::from_str::<serde_json::Value>(LINE).unwrap());
        assert!(parse("{}").is_err());
        assert!(parse(&LINE.replace("\"debug_build\":false", "\"debug_build\":true")).is_err());
    }

    #[test]
    fn medians() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[1.0, 4.0])), (2.0, 2.5));
        assert!(median(&[]).is_nan());
    }
}
