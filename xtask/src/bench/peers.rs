//! The binary beside PyTorch and ONNX Runtime: the same weights, outputs compared first, then measured in turns.
//!
//! Every measurement is a process of its own that warms up with one encode and one decode and then times one of each, so that
//! no side profits from another's caches. The sides take turns, round by round, so that a change of the machine's load meets
//! them all.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Error, bail};
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::store::{Kind, Run, portable};
use super::{Args, Record, median, parse};
use crate::binary::Binary;
use crate::compare::{AudioComparison, CodeComparison};
use crate::parity::{self, Reference, rate_and_hop, reference};
use crate::process::{command, output, root, run as run_command, shown, target};
use crate::python;
use crate::tensors::{File, Tensor};

/// What keeps glibc from giving memory back and faulting it in again: half of PyTorch's time without it.
const KEEP_MEMORY: &str =
    "glibc.malloc.mmap_threshold=17179869184:glibc.malloc.trim_threshold=17179869184:glibc.malloc.hugetlb=1";

/// The peers' packages.
const PACKAGES: [&str; 6] = ["torch", "numpy", "einops", "tqdm", "onnx", "onnxruntime"];
/// Those of which nothing but themselves is needed.
const BARE_PACKAGES: [&str; 2] = ["descript-audio-codec==1.0.0", "safetensors==0.4.5"];

/// One side at one number of threads, all rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Side {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) model: String,
    pub(crate) audio_seconds: f64,
    pub(crate) threads: usize,
    pub(crate) encode: Seconds,
    pub(crate) decode: Seconds,
    pub(crate) peak_rss_mb: Vec<f64>,
    /// Share of codes equal to the reference's on the same input, ties excused.
    pub(crate) equal_codes: f64,
    /// Power of the reference's audio over that of the difference, from the same codes.
    pub(crate) audio_snr_db: f64,
    /// Multiply-adds that one core can do, measured in the same process; the binary alone says it.
    #[serde(default)]
    pub(crate) fma_peak_gflops: Option<f64>,
}

/// Seconds of each round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seconds {
    pub(crate) wall: Vec<f64>,
    pub(crate) cpu: Vec<f64>,
}

impl Seconds {
    /// Medians of wall and CPU seconds.
    pub(crate) fn medians(&self) -> (f64, f64) {
        (median(&self.wall), median(&self.cpu))
    }
}

/// What `xtask/peers/measure.py` prints.
#[derive(Debug, Deserialize)]
struct Measured {
    version: String,
    encode: Timed,
    decode: Timed,
    peak_rss_mb: f64,
}

#[derive(Debug, Deserialize)]
struct Timed {
    wall_seconds: f64,
    cpu_seconds: f64,
}

/// How a side is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Dac,
    OnnxRuntime,
    Torch,
    TorchKeepingMemory,
}

impl Program {
    const ALL: [Self; 4] = [Self::Dac, Self::OnnxRuntime, Self::Torch, Self::TorchKeepingMemory];

    fn name(self) -> &'static str {
        match self {
            Self::Dac => "dac",
            Self::OnnxRuntime => "ONNX Runtime",
            Self::Torch => "PyTorch eager",
            Self::TorchKeepingMemory => "PyTorch eager, glibc keeping memory",
        }
    }
}

/// Where everything is that the sides need.
struct Bench<'a> {
    args: &'a Args,
    preset: &'a str,
    binary: Binary,
    python: PathBuf,
    reference: Reference,
    onnx: PathBuf,
}

/// Measures all sides.
///
/// # Errors
/// When a side cannot be set up, fails, or computes something else than the reference.
pub(super) fn measure(args: &Args) -> Result<Run, Error> {
    let [preset] = args.presets.as_slice() else { bail!("--peers takes one of --presets") };
    let python = python::environment_with("python-peers", &args.peers_python, &PACKAGES, &BARE_PACKAGES)?;
    let reference = reference(preset, args.seconds, args.python.as_deref())?;
    let onnx = reference.folder.join("onnx");
    let bench = Bench {
        args,
        preset,
        binary: Binary::for_devices(args.binary.as_deref(), &[])?,
        python,
        reference,
        onnx,
    };
    if !bench.onnx.join("decode.onnx").is_file() {
        let mut export = bench.script("export.py");
        run_command(export.arg(&bench.reference.folder).arg(&bench.onnx))?;
    }
    let mut run = Run::begin(Kind::Peers, Machine::this()?)?;
    let equal: Vec<(f64, f64)> = Program::ALL.iter().map(|p| bench.compare(*p)).collect::<Result<_, _>>()?;
    for &threads in &args.threads {
        let mut sides: Vec<Side> =
            Program::ALL.iter().zip(&equal).map(|(p, equal)| bench.side(*p, threads, *equal)).collect();
        for round in 0..args.runs {
            for turn in 0..sides.len() {
                // Another one begins each round.
                let index = (round + turn) % sides.len();
                let mut command = bench.measurement(Program::ALL[index], threads);
                eprintln!("$ {}", shown(&command));
                if round == 0 {
                    run.commands.push(portable(&shown(&command)));
                }
                bench.add(Program::ALL[index], &output(&mut command)?, &mut sides[index])?;
            }
        }
        run.sides.extend(sides);
    }
    Ok(run)
}

impl Bench<'_> {
    fn script(&self, name: &str) -> Command {
        let mut command = command(&self.python);
        command.arg(root().join("xtask").join("peers").join(name));
        command
    }

    fn peer(&self, program: Program, threads: usize) -> Command {
        let mut command = self.script("measure.py");
        command.arg(if program == Program::OnnxRuntime { "onnxruntime" } else { "torch" });
        command.arg(&self.reference.folder).arg("--onnx").arg(&self.onnx);
        command.args(["--threads", &threads.to_string()]);
        command.env("OMP_NUM_THREADS", threads.to_string()).env("OMP_WAIT_POLICY", "passive");
        if program == Program::TorchKeepingMemory {
            command.env("GLIBC_TUNABLES", KEEP_MEMORY);
        }
        command
    }

    /// The command of one measurement.
    fn measurement(&self, program: Program, threads: usize) -> Command {
        if program != Program::Dac {
            return self.peer(program, threads);
        }
        let mut command = self.binary.command();
        command.args([
            "bench",
            "--json",
            "--runs",
            "1",
            "--model",
            self.preset,
            "--threads",
            &threads.to_string(),
        ]);
        command.args(["--seconds", &self.audio_seconds().to_string()]);
        command.arg("--weights").arg(self.reference.weights());
        command
    }

    fn audio_seconds(&self) -> f64 {
        let rate_hz = rate_and_hop(self.preset).map_or(1, |(rate_hz, _)| rate_hz);
        self.reference.input.values.len() as f64 / f64::from(rate_hz)
    }

    fn side(&self, program: Program, threads: usize, (equal_codes, audio_snr_db): (f64, f64)) -> Side {
        Side {
            name: program.name().to_owned(),
            version: String::new(),
            model: self.preset.to_owned(),
            audio_seconds: self.audio_seconds(),
            threads,
            encode: Seconds::default(),
            decode: Seconds::default(),
            peak_rss_mb: Vec::new(),
            equal_codes,
            audio_snr_db,
            fma_peak_gflops: None,
        }
    }

    /// Share of equal codes and SNR of one side; an error when it does not compute the same network.
    fn compare(&self, program: Program) -> Result<(f64, f64), Error> {
        let (codes, audio) = match program {
            Program::Dac => self.dac_outputs()?,
            _ => self.peer_outputs(program)?,
        };
        let codes =
            CodeComparison::new(&codes, &self.reference.codes, &self.reference.margins)?.excused_share();
        let audio = AudioComparison::new(&audio, &self.reference.audio.values)?.snr_db;
        let name = program.name();
        println!("{name}: {:.3} % of the reference's codes, audio at {audio:.1} dB", 100.0 * codes);
        if codes < 0.999 || audio < 80.0 {
            bail!("{name} does not compute what the reference computes: nothing to measure");
        }
        Ok((codes, audio))
    }

    fn peer_outputs(&self, program: Program) -> Result<(Tensor<u16>, Vec<f32>), Error> {
        let path = target().join("parity").join("peer.safetensors");
        run_command(
            self.peer(program, self.args.threads.iter().copied().max().unwrap_or(1))
                .arg("--write")
                .arg(&path),
        )?;
        let file = File::read(&path)?;
        Ok((file.codes("codes")?, file.floats("audio")?.values))
    }

    fn dac_outputs(&self) -> Result<(Tensor<u16>, Vec<f32>), Error> {
        parity::outputs(&self.binary, &self.reference, self.preset)
    }

    /// Adds one measurement.
    fn add(&self, program: Program, printed: &str, side: &mut Side) -> Result<(), Error> {
        let line = printed.lines().last().unwrap_or_default();
        let mut add = |encode: Timed, decode: Timed, peak: f64| {
            for (seconds, timed) in [(&mut side.encode, encode), (&mut side.decode, decode)] {
                seconds.wall.push(timed.wall_seconds);
                seconds.cpu.push(timed.cpu_seconds);
            }
            side.peak_rss_mb.push(peak);
        };
        if program == Program::Dac {
            let record = parse(line)?;
            let peak = record.peak_rss_mb.unwrap_or(f64::NAN);
            let timed = |t: &super::Timing| Timed {
                wall_seconds: t.wall_seconds_median,
                cpu_seconds: t.cpu_seconds_median.unwrap_or(f64::NAN),
            };
            add(timed(&record.encode), timed(&record.decode), peak);
            side.version = version(&record);
            side.fma_peak_gflops = record.rest.get("fma_peak_gflops").and_then(serde_json::Value::as_f64);
        } else {
            let found: Measured =
                serde_json::from_str(line).with_context(|| format!("not a record: {line:.200}"))?;
            add(found.encode, found.decode, found.peak_rss_mb);
            side.version = found.version;
        }
        Ok(())
    }
}

fn version(record: &Record) -> String {
    let level = record.cpu_level.as_deref().unwrap_or("-");
    let precision = record.rest.get("precision").and_then(|p| p.as_str()).unwrap_or("f32");
    format!("{}, {level}, {precision}", record.device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_each_clock() {
        let seconds = Seconds { wall: vec![3.0, 1.0, 2.0], cpu: vec![0.5, 0.7, 0.6] };
        assert_eq!(seconds.medians(), (2.0, 0.6));
    }

    #[test]
    fn a_peers_record_is_read() {
        let line = r#"{"version": "PyTorch 2", "encode": {"wall_seconds": 1.5, "cpu_seconds": 1.4},
            "decode": {"wall_seconds": 3, "cpu_seconds": 2}, "peak_rss_mb": 1800.5, "malloc": ""}"#;
        let found: Measured = serde_json::from_str(line).unwrap();
        assert_eq!(
            (found.encode.cpu_seconds, found.decode.wall_seconds, found.peak_rss_mb),
            (1.4, 3.0, 1800.5)
        );
        assert!(root().join("xtask/peers/measure.py").is_file());
    }
}
