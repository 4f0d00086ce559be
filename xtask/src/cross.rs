//! `cargo xtask cross`: tests for other processors under QEMU's user emulation.
//!
//! The NEON kernels are built for aarch64 and compared with their reference implementations. The shipped
//! binary encodes and decodes on an emulated Nehalem (2008), which has SSE4.2 but no AVX: an AVX instruction
//! ends it, and its results must equal those of the portable kernels on this machine. The kernels' tests for
//! WebAssembly run under node, which is no emulation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, bail, ensure};

use crate::binary::Binary;
use crate::compare::AudioComparison;
use crate::process::{
    cargo, command, root, run as run_command, run_with_timeout, rustc, stdout_of, succeeds, target_dir,
};
use crate::tensors::{Tensor, TensorFile};
use crate::wav;

const AARCH64: &str = "aarch64-unknown-linux-gnu";
const AARCH64_LINKER: &str = "aarch64-linux-gnu-gcc";
/// Debian's C library for aarch64, where the emulator finds the dynamic linker.
const AARCH64_LIBRARIES: &str = "/usr/aarch64-linux-gnu";
/// Debian's compiler, whose packages contain the standard libraries of other targets.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const OLD_PROCESSOR: &str = "Nehalem";

/// WebAssembly with a system interface, so that tests print and end with a status.
const WASM: &str = "wasm32-wasip1";
/// Runs a module of that target under node.
const WASM_RUNNER: &str = "xtask/src/cross/run_wasi.mjs";
/// Tests that start threads, which the target does not have.
const TESTS_WITH_THREADS: &str = "thread";

/// An emulated program takes seconds. Those that start threads hang on aarch64 under QEMU 7.2.
const TIMEOUT: Duration = Duration::from_secs(300);

const INPUT_RATE_HZ: u32 = 16_000;

/// Largest difference of decoded audio from that of the same kernels outside the emulator. The kernels'
/// arithmetic is identical, but the C library may compute sines differently on another processor.
const AUDIO_BOUND: f64 = 1e-6;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run only one of the parts.
    #[arg(long)]
    only: Option<Part>,
    /// Built dac for x86-64 with the tiny model [default: build the shipped binary].
    #[arg(long)]
    binary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The NEON kernels and their reference implementations under qemu-aarch64.
    Neon,
    /// The shipped binary under qemu-x86_64 -cpu Nehalem.
    Nehalem,
    /// The tests of the kernels for WebAssembly under node.
    Wasm,
}

/// Runs the task; fails if a tool is missing, a program fails or hangs under emulation, or results differ.
pub fn run(args: &Args) -> Result<(), Error> {
    let includes = |part| args.only.is_none_or(|only| only == part);
    let compiler = aarch64_compiler();
    let runs = |program: &str| succeeds(command(program).arg("--version"));
    let has_libraries = Path::new(AARCH64_LIBRARIES).join("lib").is_dir();
    let standard_library = format!("a standard library for {AARCH64}: rustup target add {AARCH64}");
    let package = |tool, package| format!("{tool}: apt-get install {package}");
    let tools = [
        (Part::Neon, compiler.is_some(), standard_library),
        (Part::Neon, runs(AARCH64_LINKER), package(AARCH64_LINKER, "gcc-aarch64-linux-gnu")),
        (Part::Neon, has_libraries, package(AARCH64_LIBRARIES, "libc6-dev-arm64-cross")),
        (Part::Neon, runs("qemu-aarch64"), package("qemu-aarch64", "qemu-user")),
        (Part::Nehalem, runs("qemu-x86_64"), package("qemu-x86_64", "qemu-user")),
        (Part::Wasm, has_target(Path::new(&rustc()), WASM), format!("rustup target add {WASM}")),
        (Part::Wasm, runs("node"), package("node 20 or newer", "nodejs")),
    ];
    let missing = tools.into_iter().filter(|(part, exists, _)| includes(*part) && !exists);
    let missing: Vec<_> = missing.map(|(_, _, hint)| hint).collect();
    ensure!(missing.is_empty(), "missing tools:\n  {}", missing.join("\n  "));
    if let (true, Some(compiler)) = (includes(Part::Neon), &compiler) {
        run_part("NEON under qemu-aarch64", || check_neon(compiler))?;
    }
    if includes(Part::Wasm) {
        run_part("WebAssembly under node", check_wasm)?;
    }
    if includes(Part::Nehalem) {
        let binary = match &args.binary {
            Some(path) => Binary::find_or_build(Some(path), &[])?,
            None => Binary::build_shipped("release")?,
        };
        run_part("the shipped binary under qemu-x86_64 -cpu Nehalem", || check_nehalem(&binary))?;
    }
    Ok(())
}

fn run_part(what: &str, part: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    let start = Instant::now();
    part().with_context(|| what.to_owned())?;
    println!("{what}: passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Finds a compiler with a standard library for aarch64: cargo's or Debian's.
fn aarch64_compiler() -> Option<PathBuf> {
    let compilers = [PathBuf::from(rustc()), PathBuf::from(DEBIAN_RUSTC)];
    compilers.into_iter().find(|compiler| has_target(compiler, AARCH64))
}

/// Reports whether a compiler has a standard library for a target.
pub fn has_target(compiler: &Path, target: &str) -> bool {
    let libraries = command(compiler).args(["--print", "target-libdir", "--target", target]).output();
    libraries.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}

/// Builds the kernels' example `check` for aarch64, in its own directory because the compiler may be another,
/// and runs it.
fn check_neon(compiler: &Path) -> Result<(), Error> {
    let folder = target_dir().join("cross");
    let mut build = cargo();
    build.env("RUSTC", compiler).env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", AARCH64_LINKER);
    build.args(["build", "--release", "-p", "dac-kernels", "--example", "check", "--target", AARCH64]);
    run_command(build.arg("--target-dir").arg(&folder))?;
    let check = folder.join(AARCH64).join("release/examples/check");
    let mut emulator = command("qemu-aarch64");
    let report = run_with_timeout(emulator.args(["-L", AARCH64_LIBRARIES]).arg(check), TIMEOUT)?;
    print!("{report}");
    // The check skips instruction sets that the processor lacks.
    let detected = report.lines().any(|line| line.starts_with("neon "));
    ensure!(detected, "the check did not detect NEON on the emulated processor");
    Ok(())
}

/// Runs the kernels' example `check`, then their tests, with both WebAssembly instruction sets under node.
fn check_wasm() -> Result<(), Error> {
    // Node 20 has relaxed SIMD behind this option, which later versions do not know.
    let option = "--experimental-wasm-relaxed-simd";
    let option = if succeeds(command("node").args([option, "--version"])) { option } else { "--no-warnings" };
    let runner = format!("node --no-warnings {option} {}", root().join(WASM_RUNNER).display());
    let kernels = |subcommand: &str| {
        let mut cargo = cargo();
        cargo.env("RUSTFLAGS", "-C target-feature=+simd128,+relaxed-simd");
        cargo.env("CARGO_TARGET_WASM32_WASIP1_RUNNER", &runner);
        cargo.args([subcommand, "--release", "-p", "dac-kernels", "--target", WASM, "--target-dir"]);
        cargo.arg(target_dir().join("cross"));
        cargo
    };
    let report = stdout_of(kernels("run").args(["--example", "check"]))?;
    print!("{report}");
    for isa in ["simd128", "relaxed-simd"] {
        let checked = report.lines().any(|line| line.starts_with(&format!("{isa} ")));
        ensure!(checked, "the check did not run the kernels for {isa}");
    }
    run_command(kernels("test").args(["--tests", "--", "--skip", TESTS_WITH_THREADS]))
}

fn check_nehalem(binary: &Binary) -> Result<(), Error> {
    let folder = target_dir().join("cross/nehalem");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    check_emulator_refuses_avx(&folder)?;
    run_with_timeout(emulated(binary).arg("--version"), TIMEOUT)?;

    let input = folder.join("input.wav");
    wav::write(&input, &sweep(), INPUT_RATE_HZ)?;
    let native = || {
        let mut dac = binary.command();
        dac.env("DAC_CPU", "portable");
        dac
    };
    let found = Results::of(&folder.join("old"), &input, || emulated(binary))?;
    found.compare(&Results::of(&folder.join("native"), &input, native)?)
}

/// Results of encoding and decoding a file on one processor.
pub struct Results {
    pub codes: Tensor<u16>,
    pub audio: Vec<f32>,
}

impl Results {
    /// Encodes `input` with the tiny model into `folder` and decodes the codes.
    fn of(folder: &Path, input: &Path, dac: impl Fn() -> Command) -> Result<Self, Error> {
        let run = |subcommand: &str, input: &Path, options: &[&str]| {
            let mut dac = dac();
            dac.arg(subcommand).arg(input).arg("--output").arg(folder);
            dac.args(["--overwrite", "--model", "tiny", "--threads", "1"]).args(options);
            run_with_timeout(&mut dac, TIMEOUT)
        };
        run("encode", input, &["--format", "safetensors"])?;
        let tokens = folder.join("input.safetensors");
        run("decode", &tokens, &["--sample-format", "f32"])?;
        let codes = TensorFile::read(&tokens)?.codes("codes")?;
        Ok(Self { codes, audio: wav::read(&folder.join("input.wav"))? })
    }

    /// Fails if a code differs, or the audio by more than `AUDIO_BOUND`.
    pub fn compare(&self, expected: &Self) -> Result<(), Error> {
        if self.codes.shape != expected.codes.shape {
            bail!("codes have shape {:?}, expected {:?}", self.codes.shape, expected.codes.shape);
        }
        let pairs = self.codes.values.iter().zip(&expected.codes.values);
        let differing = pairs.filter(|(found, expected)| found != expected).count();
        ensure!(differing == 0, "{differing} of {} codes differ", self.codes.values.len());
        let distinct: BTreeSet<_> = expected.codes.values.iter().collect();
        let peak = expected.audio.iter().fold(0.0_f32, |peak, v| peak.max(v.abs()));
        if distinct.len() < 2 || peak < 1e-3 {
            bail!("the comparison is meaningless: {} distinct codes, peak {peak:e}", distinct.len());
        }
        if self.audio.len() != expected.audio.len() {
            bail!("{} samples of audio, expected {}", self.audio.len(), expected.audio.len());
        }
        let AudioComparison { max_abs, .. } = AudioComparison::new(&self.audio, &expected.audio)?;
        println!(
            "{} codes equal the portable kernels', {} samples differ by at most {max_abs:e} (peak {peak:.3})",
            self.codes.values.len(),
            self.audio.len()
        );
        if max_abs > AUDIO_BOUND {
            bail!("the audio differs by {max_abs:e}; at most {AUDIO_BOUND:e} is allowed");
        }
        Ok(())
    }
}

/// Returns a command that runs the binary on the old processor.
fn emulated(binary: &Binary) -> Command {
    let mut emulated = command("qemu-x86_64");
    // Without DAC_CPU: the binary must find out by itself that only the portable kernels run here.
    emulated.args(["-cpu", OLD_PROCESSOR]).arg(binary.path()).env_remove("DAC_CPU");
    emulated
}

/// Checks that the emulator ends a program with AVX instructions on the old processor, and runs it on a newer
/// one.
fn check_emulator_refuses_avx(folder: &Path) -> Result<(), Error> {
    let (source, program) = (folder.join("avx.rs"), folder.join("avx"));
    let text = "fn main() { println!(\"{}\", std::hint::black_box([1.5_f32; 8]).iter().sum::<f32>()); }\n";
    std::fs::write(&source, text).with_context(|| source.display().to_string())?;
    let mut compiler = command(rustc());
    compiler.args(["-C", "opt-level=3", "-C", "target-feature=+avx", "--target", "x86_64-unknown-linux-gnu"]);
    run_command(compiler.arg(&source).arg("-o").arg(&program))?;
    let runs_on = |processor: &str| succeeds(command("qemu-x86_64").args(["-cpu", processor]).arg(&program));
    if !runs_on("max") {
        bail!("qemu-x86_64 -cpu max does not run a program with AVX instructions; the test needs that");
    }
    if runs_on(OLD_PROCESSOR) {
        bail!("qemu-x86_64 -cpu {OLD_PROCESSOR} executes AVX instructions; the test needs it not to");
    }
    Ok(())
}

/// Generates one second of a fading tone that rises from 100 Hz to 4 kHz.
fn sweep() -> Vec<f32> {
    let rate = f64::from(INPUT_RATE_HZ);
    let sample = |n: u32| {
        let t = f64::from(n) / rate;
        let phase = std::f64::consts::TAU * (100.0 * t + 1950.0 * t * t);
        (0.5 * (1.0 - 0.8 * t) * phase.sin()) as f32
    };
    (0..INPUT_RATE_HZ).map(sample).collect()
}
