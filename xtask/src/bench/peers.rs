//! Comparison of the binary with PyTorch and ONNX Runtime on the same weights.
//!
//! Outputs are compared first. Each measurement is a separate process that warms up with one encode and one
//! decode and then measures one of each. The implementations take turns, so that changes of the machine's
//! load affect them all.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Error, bail, ensure};
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::store::{Kind, Run, without_folders};
use super::{Args, median, parse};
use crate::binary::Binary;
use crate::compare::{AudioComparison, CodeComparison};
use crate::parity::{self, Reference};
use crate::process::{command_line, run as run_command, stdout_of, target_dir};
use crate::python;
use crate::tensors::{Tensor, TensorFile};

/// Keeps glibc from returning memory to the system, which otherwise takes half of PyTorch's time.
const KEEP_MEMORY: &str =
    "glibc.malloc.mmap_threshold=17179869184:glibc.malloc.trim_threshold=17179869184:glibc.malloc.hugetlb=1";

/// Packages of the other implementations.
const PACKAGES: [&str; 6] = ["torch", "numpy", "einops", "tqdm", "onnx", "onnxruntime"];
/// Packages that are installed without their dependencies.
const PACKAGES_WITHOUT_DEPENDENCIES: [&str; 2] = ["descript-audio-codec==1.0.0", "safetensors==0.4.5"];

/// All rounds of one implementation with one number of threads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    pub name: String,
    pub version: String,
    pub model: String,
    pub audio_seconds: f64,
    pub threads: usize,
    pub encode: Seconds,
    pub decode: Seconds,
    pub peak_rss_mb: Vec<f64>,
    /// Share of codes that equal the reference's or follow a tie.
    pub equal_codes: f64,
    /// Signal-to-noise ratio of the audio decoded from the reference's codes.
    pub audio_snr_db: f64,
    /// Multiply-add peak of one core, measured in the same process; only for the binary.
    #[serde(default)]
    pub fma_peak_gflops: Option<f64>,
}

/// Seconds of each round, by two clocks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    pub wall: Vec<f64>,
    pub cpu: Vec<f64>,
}

impl Seconds {
    /// Returns the medians of wall and CPU seconds.
    pub fn medians(&self) -> (f64, f64) {
        (median(&self.wall), median(&self.cpu))
    }
}

/// Output of `xtask/peers/measure.py`.
#[derive(Debug, Deserialize)]
pub struct PeerRecord {
    version: String,
    pub encode: Timed,
    pub decode: Timed,
    pub peak_rss_mb: f64,
}

#[derive(Debug, Deserialize)]
pub struct Timed {
    pub wall_seconds: f64,
    pub cpu_seconds: f64,
}

/// An implementation of the codec.
struct Implementation {
    name: &'static str,
    /// Name in `measure.py`; `None` for the binary.
    peer: Option<&'static str>,
    /// Runs with [`KEEP_MEMORY`].
    keeps_memory: bool,
}

const IMPLEMENTATIONS: [Implementation; 4] = [
    Implementation { name: "dac", peer: None, keeps_memory: false },
    Implementation { name: "ONNX Runtime", peer: Some("onnxruntime"), keeps_memory: false },
    Implementation { name: "PyTorch eager", peer: Some("torch"), keeps_memory: false },
    Implementation { name: "PyTorch eager, glibc keeping memory", peer: Some("torch"), keeps_memory: true },
];

struct Bench<'a> {
    args: &'a Args,
    binary: Binary,
    /// Python that can import PyTorch and ONNX Runtime.
    python: PathBuf,
    reference: Reference,
    /// Directory of the exported networks.
    onnx: PathBuf,
}

/// Measures all implementations; fails if results differ from the reference's.
pub fn measure(args: &Args) -> Result<Run, Error> {
    let [preset] = args.presets.as_slice() else { bail!("--peers needs exactly one model in --presets") };
    let binary = Binary::find_or_build(args.binary.as_deref(), &[])?;
    let python =
        python::environment("python-peers", &args.peers_python, &PACKAGES, &PACKAGES_WITHOUT_DEPENDENCIES)?;
    let reference = Reference::create(binary.model(preset)?, args.seconds, args.python.as_deref())?;
    let onnx = reference.folder.join("onnx");
    let bench = Bench { args, binary, python, reference, onnx };
    if !bench.onnx.join("decode.onnx").is_file() {
        let mut export = python::script(&bench.python, "xtask/peers/export.py");
        run_command(export.arg(&bench.reference.folder).arg(&bench.onnx))?;
    }
    let mut run = Run::new(Kind::Peers, Machine::local()?)?;
    let unmeasured: Vec<_> = IMPLEMENTATIONS.iter().map(|i| bench.compare(i)).collect::<Result<_, _>>()?;
    for &threads in &args.threads {
        let mut sides: Vec<Side> = unmeasured.iter().map(|side| Side { threads, ..side.clone() }).collect();
        for round in 0..args.runs {
            for turn in 0..sides.len() {
                // Each round begins with another implementation.
                let index = (round + turn) % sides.len();
                let mut command = bench.measurement(&IMPLEMENTATIONS[index], threads);
                let line = command_line(&command);
                eprintln!("$ {line}");
                if round == 0 {
                    run.commands.push(without_folders(&line));
                }
                add(&IMPLEMENTATIONS[index], &stdout_of(&mut command)?, &mut sides[index])?;
            }
        }
        run.sides.extend(sides);
    }
    Ok(run)
}

impl Bench<'_> {
    /// Returns the command that measures one encode and one decode.
    fn measurement(&self, implementation: &Implementation, threads: usize) -> Command {
        let Implementation { peer, keeps_memory, .. } = *implementation;
        let mut command = match peer {
            Some(_) => python::script(&self.python, "xtask/peers/measure.py"),
            None => self.binary.command(),
        };
        if let Some(peer) = peer {
            command.arg(peer).arg(&self.reference.folder).arg("--onnx").arg(&self.onnx);
            command.env("OMP_NUM_THREADS", threads.to_string()).env("OMP_WAIT_POLICY", "passive");
        } else {
            command.args(["bench", "--json", "--runs", "1", "--model", &self.reference.model.name]);
            command.args(["--seconds", &self.audio_seconds().to_string()]);
            command.arg("--weights").arg(self.reference.weights());
        }
        if keeps_memory {
            command.env("GLIBC_TUNABLES", KEEP_MEMORY);
        }
        command.args(["--threads", &threads.to_string()]);
        command
    }

    fn audio_seconds(&self) -> f64 {
        self.reference.input.values.len() as f64 / f64::from(self.reference.model.sample_rate_hz)
    }

    /// Compares outputs and returns a side without measurements; fails if the network is another.
    fn compare(&self, implementation: &Implementation) -> Result<Side, Error> {
        let reference = &self.reference;
        let (codes, audio) = match implementation.peer {
            None => parity::outputs(&self.binary, reference)?,
            Some(_) => self.peer_outputs(implementation)?,
        };
        let codes = CodeComparison::new(&codes, &reference.codes, &reference.margins)?;
        let (equal_codes, name) = (codes.excused_share(), implementation.name);
        let audio_snr_db = AudioComparison::new(&audio, &reference.audio.values)?.snr_db;
        let percent = 100.0 * equal_codes;
        println!("{name}: {percent:.3} % of the reference's codes, audio SNR {audio_snr_db:.1} dB");
        let is_equal = equal_codes >= 0.999 && audio_snr_db >= 80.0;
        ensure!(is_equal, "{name} does not compute the same network as the reference");
        let (name, model) = (name.to_owned(), reference.model.name.clone());
        let audio_seconds = self.audio_seconds();
        Ok(Side { name, model, audio_seconds, equal_codes, audio_snr_db, ..Side::default() })
    }

    fn peer_outputs(&self, implementation: &Implementation) -> Result<(Tensor<u16>, Vec<f32>), Error> {
        let path = target_dir().join("parity").join("peer.safetensors");
        let threads = self.args.threads.iter().copied().max().unwrap_or(1);
        run_command(self.measurement(implementation, threads).arg("--write").arg(&path))?;
        let file = TensorFile::read(&path)?;
        Ok((file.codes("codes")?, file.floats("audio")?.values))
    }
}

fn add(implementation: &Implementation, output: &str, side: &mut Side) -> Result<(), Error> {
    let line = output.lines().last().unwrap_or_default();
    let (version, times, peak_rss_mb) = if implementation.peer.is_none() {
        let record = parse(line)?;
        let isa = record.cpu_level.as_deref().unwrap_or("-");
        let precision = record.rest.get("precision").and_then(|value| value.as_str()).unwrap_or("f32");
        side.fma_peak_gflops = record.rest.get("fma_peak_gflops").and_then(|value| value.as_f64());
        let times = [&record.encode, &record.decode]
            .map(|timing| (timing.wall_seconds_median, timing.cpu_seconds_median.unwrap_or(f64::NAN)));
        let version = format!("{}, {isa}, {precision}", record.device);
        (version, times, record.peak_rss_mb.unwrap_or(f64::NAN))
    } else {
        let record: PeerRecord =
            serde_json::from_str(line).with_context(|| format!("not a record of measure.py: {line:.200}"))?;
        let times = [record.encode, record.decode].map(|timed| (timed.wall_seconds, timed.cpu_seconds));
        (record.version, times, record.peak_rss_mb)
    };
    for (seconds, (wall, cpu)) in [&mut side.encode, &mut side.decode].into_iter().zip(times) {
        seconds.wall.push(wall);
        seconds.cpu.push(cpu);
    }
    side.peak_rss_mb.push(peak_rss_mb);
    side.version = version;
    Ok(())
}
