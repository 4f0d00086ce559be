//! `cargo xtask gpu`: builds the kit that checks and measures the program on a machine with a GPU.
//!
//! The kit is a directory to copy to that machine, which may have no network: programs, the Vulkan loader,
//! the reference's network for PyTorch, and `run.sh`, which does everything and writes its results.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, ensure};

use crate::files::copy;
use crate::process::{cargo, command, root, run as run_command, stdout_of, target_dir};

/// Largest size of the kit.
const MAX_BYTES: u64 = 45_000_000;
/// Places of the Vulkan loader on Debian and its relatives.
const LOADERS: [&str; 2] = ["/usr/lib/x86_64-linux-gnu/libvulkan.so.1", "/usr/lib64/libvulkan.so.1"];
/// Files of the kit, with their names there.
const FILES: [(&str, &str); 7] = [
    ("xtask/gpu/run.sh", "run.sh"),
    ("xtask/gpu/run.py", "run.py"),
    ("xtask/gpu/torch_bench.py", "torch_bench.py"),
    ("xtask/peers/network.py", "python/network.py"),
    ("fixtures/python/nondegenerate.py", "python/nondegenerate.py"),
    ("fixtures/python/signals.py", "python/signals.py"),
    ("fixtures/audio/librivox_austen.wav", "sample.wav"),
];
/// The reference's network and what it needs, without requirements that the network does not use.
const PACKAGES: [&str; 2] = ["descript-audio-codec==1.0.0", "einops==0.8.0"];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory of the kit [default: gpu in the build directory].
    #[arg(long)]
    output: Option<PathBuf>,
    /// Build only the program for wgpu, quickly, and test the kit on small input. Needs a Vulkan driver, such
    /// as Mesa's lavapipe.
    #[arg(long)]
    smoke: bool,
    /// Python that installs the packages of the kit.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
}

pub fn run(args: &Args) -> Result<(), Error> {
    let kit = args.output.clone().unwrap_or_else(|| target_dir().join("gpu-kit"));
    if kit.exists() {
        ensure!(kit.join("run.sh").is_file(), "{}: exists and is not a kit", kit.display());
        std::fs::remove_dir_all(&kit)?;
    }
    std::fs::create_dir_all(kit.join("bin")).with_context(|| kit.display().to_string())?;
    // First, because a directory with these files may be replaced, even if this is interrupted.
    for (from, to) in FILES {
        copy(&root().join(from), &kit.join(to))?;
    }
    let profile = if args.smoke { "gpu" } else { "kit" };
    let backends: &[&str] = if args.smoke { &["wgpu"] } else { &["wgpu", "vulkan"] };
    for backend in backends {
        pack(&build(profile, backend)?, &kit.join("bin").join(format!("dac-{backend}.xz")))?;
    }
    match LOADERS.iter().map(Path::new).find(|path| path.is_file()) {
        Some(loader) => copy(loader, &kit.join("lib/libvulkan.so.1"))?,
        None => eprintln!("the kit has no Vulkan loader, so the GPU's machine needs one (libvulkan1)"),
    }
    let mut install = command(&args.python);
    install.args(["-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-deps", "--no-compile"]);
    run_command(install.arg("--target").arg(kit.join("python")).args(PACKAGES))?;
    let commit = stdout_of(command("git").args(["rev-parse", "--short=12", "HEAD"]))?;
    std::fs::write(kit.join("commit.txt"), commit)?;
    let bytes = size(&kit)?;
    println!("{}: {:.1} MB", kit.display(), bytes as f64 / 1e6);
    if args.smoke {
        let results = target_dir().join("gpu-kit-results");
        let mut smoke = command(kit.join("run.sh"));
        return run_command(smoke.args(["--smoke", "--out"]).arg(results));
    }
    ensure!(bytes <= MAX_BYTES, "the kit is larger than {} MB", MAX_BYTES / 1_000_000);
    println!("copy it to a machine with a GPU, run run.sh there, and see docs/dev/gpu.md for its results");
    Ok(())
}

/// Builds the program with a backend of wgpu, stripped, in its own build directory.
fn build(profile: &str, backend: &str) -> Result<PathBuf, Error> {
    let mut build = cargo();
    build.args(["rustc", "--locked", "--profile", profile, "-p", "dac-cli", "--bin", "dac"]);
    build.args(["--no-default-features", "--features"]);
    build.arg(format!("{backend},tiny,autotune-cache")).args(["--", "-C", "strip=symbols"]);
    run_command(&mut build)?;
    Ok(target_dir().join(profile).join("dac"))
}

/// Compresses a program. xz makes it a quarter smaller than gzip, and Python's standard library reads both.
fn pack(from: &Path, to: &Path) -> Result<(), Error> {
    let mut xz = command("xz");
    xz.args(["--threads=0", "-6", "--stdout"]).arg(from);
    xz.stdout(File::create(to).with_context(|| to.display().to_string())?);
    run_command(&mut xz).context("xz (Debian's xz-utils) packs the programs")
}

/// Adds up the sizes of all files of a directory.
fn size(folder: &Path) -> Result<u64, Error> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
