//! `cargo xtask cross`: what this machine's own processor cannot show, under QEMU's user emulation.
//!
//! The NEON kernels are built for aarch64 and held against their plain twins. The binary that is shipped encodes and decodes on an
//! emulated Nehalem of 2008, which has SSE4.2 and nothing newer: an instruction of AVX that is executed by accident ends
//! it, and what it computes must be what the portable kernels compute on this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, bail};

use crate::binary::Binary;
use crate::compare::AudioComparison;
use crate::process::{cargo, command, run as run_command, run_within, succeeds, target};
use crate::tensors::{File, Tensor};
use crate::wav;

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const AARCH64_LINKER: &str = "aarch64-linux-gnu-gcc";
/// Debian's C library for aarch64, in which the emulator looks for the dynamic linker.
const AARCH64_LIBRARIES: &str = "/usr/aarch64-linux-gnu";
/// Debian's compiler, beside which its packages put the standard libraries of other targets.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const OLD_PROCESSOR: &str = "Nehalem";

/// One emulated program takes seconds; one that takes this long hangs, as programs that start threads do on aarch64 under
/// QEMU 7.2.
const LIMIT: Duration = Duration::from_secs(300);

const INPUT_RATE_HZ: u32 = 16_000;

/// The most by which decoded audio may differ from the same level's outside the emulator. The kernels' own arithmetic is
/// the same bit by bit; the C library may take other code for sines on another processor.
const AUDIO_BOUND: f64 = 1e-6;

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One of the two parts alone.
    #[arg(long)]
    only: Option<Part>,
    /// A built dac for x86-64 with the tiny model in it, instead of the one that is shipped.
    #[arg(long)]
    binary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The NEON kernels against their plain twins, under qemu-aarch64.
    Neon,
    /// The shipped binary under qemu-x86_64 -cpu Nehalem.
    Nehalem,
}

/// Runs the task.
///
/// # Errors
/// When a tool is missing, a program fails or hangs under emulation, or results differ.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let wanted = |part| args.only.is_none_or(|only| only == part);
    let compiler = aarch64_compiler();
    let mut missing = Vec::new();
    if wanted(Part::Neon) {
        missing.extend(missing_for_neon(compiler.as_deref()));
    }
    if wanted(Part::Nehalem) && !succeeds(command("qemu-x86_64").arg("--version")) {
        missing.push("qemu-x86_64: apt-get install qemu-user".to_owned());
    }
    if !missing.is_empty() {
        bail!("what this task needs is missing:\n  {}", missing.join("\n  "));
    }
    if let (true, Some(compiler)) = (wanted(Part::Neon), &compiler) {
        timed("NEON under qemu-aarch64", || neon(compiler))?;
    }
    if wanted(Part::Nehalem) {
        let binary = match &args.binary {
            Some(path) => Binary::at(path)?,
            None => Binary::shipped()?,
        };
        timed("the shipped binary under qemu-x86_64 -cpu Nehalem", || nehalem(&binary))?;
    }
    Ok(())
}

fn timed(what: &str, part: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let start = Instant::now();
    part().with_context(|| what.to_owned())?;
    println!("{what}: passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// The compiler that has a standard library for aarch64: cargo's own, or Debian's.
fn aarch64_compiler() -> Option<PathBuf> {
    let own = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    [PathBuf::from(own), PathBuf::from(DEBIAN_RUSTC)].into_iter().find(|compiler| {
        let libraries = command(compiler).args(["--print", "target-libdir", "--target", AARCH64]).output();
        libraries.is_ok_and(|output| {
            output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
        })
    })
}

fn missing_for_neon(compiler: Option<&Path>) -> Vec<String> {
    let mut missing = Vec::new();
    if compiler.is_none() {
        missing.push(format!("a standard library for {AARCH64}: rustup target add {AARCH64}"));
    }
    if !succeeds(command(AARCH64_LINKER).arg("--version")) {
        missing.push(format!("{AARCH64_LINKER}: apt-get install gcc-aarch64-linux-gnu"));
    }
    if !Path::new(AARCH64_LIBRARIES).join("lib").is_dir() {
        missing.push(format!("{AARCH64_LIBRARIES}: apt-get install libc6-dev-arm64-cross"));
    }
    if !succeeds(command("qemu-aarch64").arg("--version")) {
        missing.push("qemu-aarch64: apt-get install qemu-user".to_owned());
    }
    missing
}

/// Builds the kernels' check for aarch64 in a folder of its own, since the compiler may be another, and runs it.
fn neon(compiler: &Path) -> Result<(), Error> {
    let folder = target().join("cross");
    let mut build = cargo();
    build.env("RUSTC", compiler).env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", AARCH64_LINKER);
    build.args(["build", "--release", "-p", "dac-kernels", "--example", "check", "--target", AARCH64]);
    run_command(build.arg("--target-dir").arg(&folder))?;
    let check = folder.join(AARCH64).join("release").join("examples").join("check");
    let said = run_within(command("qemu-aarch64").args(["-L", AARCH64_LIBRARIES]).arg(check), LIMIT)?;
    print!("{said}");
    // The check passes over levels that the processor lacks.
    if !said.lines().any(|line| line.starts_with("neon ")) {
        bail!("the emulated processor was not found to have NEON");
    }
    Ok(())
}

fn nehalem(binary: &Binary) -> Result<(), Error> {
    let folder = target().join("cross").join("nehalem");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    emulator_refuses_avx(&folder)?;
    run_within(emulated(&binary.command()).arg("--version"), LIMIT)?;

    let input = folder.join("input.wav");
    wav::write(&input, &sweep(), INPUT_RATE_HZ)?;
    let here = || {
        let mut dac = binary.command();
        dac.env("DAC_CPU", "portable");
        dac
    };
    // No level is named: to find that it has none but the portable one is a part of what is tested.
    let old = || {
        let mut dac = emulated(&binary.command());
        dac.env_remove("DAC_CPU");
        dac
    };
    let found = Side::run(&folder.join("old"), &input, old)?;
    found.equals(&Side::run(&folder.join("here"), &input, here)?)
}

/// A file encoded and decoded by one processor.
struct Side {
    codes: Tensor<u16>,
    audio: Vec<f32>,
}

impl Side {
    /// Encodes `input` with the tiny model into `folder` and decodes the result, at the model's rate.
    fn run(folder: &Path, input: &Path, dac: impl Fn() -> Command) -> Result<Self, Error> {
        let step = |what: &str, from: &Path, more: &[&str]| {
            let mut step = dac();
            step.arg(what).arg(from).arg("--output").arg(folder);
            step.args(["--overwrite", "--model", "tiny", "--threads", "1"]).args(more);
            run_within(&mut step, LIMIT)
        };
        step("encode", input, &["--format", "safetensors"])?;
        let tokens = folder.join("input.safetensors");
        step("decode", &tokens, &["--sample-format", "f32"])?;
        let codes = File::read(&tokens)?.codes("codes")?;
        Ok(Self { codes, audio: wav::read(&folder.join("input.wav"))? })
    }

    /// # Errors
    /// When a code differs, or the audio by more than [`AUDIO_BOUND`].
    fn equals(&self, expected: &Self) -> Result<(), Error> {
        if self.codes.shape != expected.codes.shape {
            bail!("codes of shape {:?}, expected {:?}", self.codes.shape, expected.codes.shape);
        }
        let pairs = self.codes.values.iter().zip(&expected.codes.values);
        let differing = pairs.filter(|(found, expected)| found != expected).count();
        if differing > 0 {
            bail!("{differing} of {} codes differ", self.codes.values.len());
        }
        let distinct: BTreeSet<_> = expected.codes.values.iter().collect();
        let peak = expected.audio.iter().fold(0.0_f32, |peak, v| peak.max(v.abs()));
        if distinct.len() < 2 || peak < 1e-3 {
            bail!("nothing to compare: {} distinct codes, peak {peak:e}", distinct.len());
        }
        if self.audio.len() != expected.audio.len() {
            bail!("{} samples of audio, expected {}", self.audio.len(), expected.audio.len());
        }
        let AudioComparison { max_abs, .. } = AudioComparison::new(&self.audio, &expected.audio)?;
        println!(
            "{} codes equal, {} samples within {max_abs:e} of the portable kernels' here (peak {peak:.3})",
            self.codes.values.len(),
            self.audio.len()
        );
        if max_abs > AUDIO_BOUND {
            bail!("the audio differs by {max_abs:e}, allowed are {AUDIO_BOUND:e}");
        }
        Ok(())
    }
}

/// The same command on an old processor.
fn emulated(native: &Command) -> Command {
    let mut emulated = command("qemu-x86_64");
    emulated.args(["-cpu", OLD_PROCESSOR]).arg(native.get_program());
    emulated
}

/// Proves that the emulator would notice: a program of AVX must die in it that lives on a newer processor.
fn emulator_refuses_avx(folder: &Path) -> Result<(), Error> {
    let (source, program) = (folder.join("avx.rs"), folder.join("avx"));
    let text = "fn main() { println!(\"{}\", std::hint::black_box([1.5_f32; 8]).iter().sum::<f32>()); }\n";
    std::fs::write(&source, text).with_context(|| source.display().to_string())?;
    let mut compiler = command(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    compiler.args(["-C", "opt-level=3", "-C", "target-feature=+avx", "--target", "x86_64-unknown-linux-gnu"]);
    run_command(compiler.arg(&source).arg("-o").arg(&program))?;
    let on = |processor: &str| succeeds(command("qemu-x86_64").args(["-cpu", processor]).arg(&program));
    if !on("max") {
        bail!(
            "a program of AVX does not run on any processor of this emulator, which therefore shows nothing"
        );
    }
    if on(OLD_PROCESSOR) {
        bail!("qemu-x86_64 -cpu {OLD_PROCESSOR} executes AVX, and therefore shows nothing");
    }
    Ok(())
}

/// A second of a tone that rises from 100 Hz to 4 kHz while it fades.
fn sweep() -> Vec<f32> {
    let rate = f64::from(INPUT_RATE_HZ);
    let sample = |n: u32| {
        let t = f64::from(n) / rate;
        let phase = std::f64::consts::TAU * (100.0 * t + 1950.0 * t * t);
        (0.5 * (1.0 - 0.8 * t) * phase.sin()) as f32
    };
    (0..INPUT_RATE_HZ).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(codes: [u16; 4], audio: &[f32]) -> Side {
        Side { codes: Tensor { shape: [1, 2, 2], values: codes.to_vec() }, audio: audio.to_vec() }
    }

    #[test]
    fn sides_are_equal_or_refused_with_the_reason() {
        let here = side([1, 2, 3, 4], &[0.5, -0.5]);
        side([1, 2, 3, 4], &[0.5, -0.5]).equals(&here).unwrap();
        let refused = |codes, audio: &[f32], reason: &str| {
            let error = side(codes, audio).equals(&here).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        };
        refused([1, 2, 3, 5], &[0.5, -0.5], "1 of 4 codes");
        refused([1, 2, 3, 4], &[0.5, -0.4], "differs by");
        refused([1, 2, 3, 4], &[0.5, f32::NAN], "differs by");
        refused([1, 2, 3, 4], &[0.5], "1 samples");
        let silent = || side([7; 4], &[0.0, 0.0]);
        assert!(silent().equals(&silent()).unwrap_err().to_string().contains("nothing to compare"));
    }

    #[test]
    fn an_emulated_command_names_the_processor_and_the_program() {
        let emulated = emulated(&command("dac"));
        let words: Vec<_> = emulated.get_args().collect();
        assert_eq!(
            (emulated.get_program().to_str(), words),
            (Some("qemu-x86_64"), vec!["-cpu".as_ref(), OLD_PROCESSOR.as_ref(), "dac".as_ref()])
        );
    }
}
