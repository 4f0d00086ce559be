//! `cargo xtask fuzz`: runs the fuzz targets for a limited time.

use anyhow::{Error, ensure};

use crate::process::{cargo, root, run as run_command, succeeds, target_dir};

/// Workspace of the fuzz targets, relative to the root.
pub const FUZZ_DIR: &str = "fixtures/fuzz";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds per target, excluding the build.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    /// Targets to run [default: all].
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(TARGETS.iter().map(|(name, ..)| name)))]
    target: Vec<String>,
}

const MAX_BYTES: usize = 20_000;
const TOKENS: &str = "fixtures/tokens";
const AUDIO: [&str; 2] = ["crates/dac-audio/tests/data/formats", "crates/dac-audio/tests/data/oddities"];
const LAYOUTS: [&str; 3] = [
    "fixtures/parity/layouts/transformers",
    "fixtures/parity/layouts/prefix_model_f16",
    "fixtures/parity/layouts/reference_f16",
];

/// The fuzz targets with the directories of their initial inputs and the size limit of inputs.
pub const TARGETS: &[(&str, &[&str], usize)] = &[
    ("wav", &["fixtures/fuzz/seeds/wav"], MAX_BYTES),
    ("audio", &AUDIO, MAX_BYTES),
    ("audio_flac", &AUDIO, MAX_BYTES),
    ("audio_matroska", &AUDIO, MAX_BYTES),
    ("audio_mp4", &AUDIO, MAX_BYTES),
    ("audio_mpeg", &AUDIO, MAX_BYTES),
    ("audio_ogg", &AUDIO, MAX_BYTES),
    ("audio_pcm", &AUDIO, MAX_BYTES),
    ("pickle", &[TOKENS], MAX_BYTES),
    ("torch", &[TOKENS], MAX_BYTES),
    ("checkpoint", &LAYOUTS, 200_000),
    ("config_json", &["fixtures/parity/layouts/hance", "fixtures/parity/layouts/transformers"], MAX_BYTES),
    ("data_set_manifest", &["fixtures/fuzz/seeds/data_set_manifest"], MAX_BYTES),
    ("data_set_parquet", &["fixtures/fuzz/seeds/data_set_parquet"], MAX_BYTES),
    ("data_set_tar", &["fixtures/fuzz/seeds/data_set_tar"], MAX_BYTES),
    ("manifest", &["fixtures/fuzz/seeds/manifest"], MAX_BYTES),
    ("tokens_dac", &[TOKENS, "fixtures/parity/descript"], MAX_BYTES),
    ("tokens_dacp", &["fixtures/fuzz/seeds/dacp"], MAX_BYTES),
    ("tokens_npy", &[TOKENS], MAX_BYTES),
    ("tokens_pt", &[TOKENS], MAX_BYTES),
    ("tokens_safetensors", &[TOKENS], MAX_BYTES),
];

/// Runs all targets, then fails if one did not build or found a fault.
pub fn run(args: &Args) -> Result<(), Error> {
    if !succeeds(cargo().args(["fuzz", "--version"])) {
        run_command(cargo().args(["install", "--locked", "cargo-fuzz"]))?;
    }
    let is_chosen = |name: &str| args.target.is_empty() || args.target.iter().any(|chosen| chosen == name);
    let mut failed = Vec::new();
    for (name, seeds, max_bytes) in TARGETS.iter().filter(|(name, ..)| is_chosen(name)) {
        println!("-- {name}");
        if let Err(error) = fuzz(name, seeds, *max_bytes, args.seconds) {
            eprintln!("{error:#}");
            failed.push(*name);
        }
    }
    let artifacts = target_dir().join("fuzz/artifacts");
    ensure!(failed.is_empty(), "failed: {}; inputs are in {}", failed.join(", "), artifacts.display());
    println!("no faults found");
    Ok(())
}

fn fuzz(name: &str, seeds: &[&str], max_bytes: usize, seconds: u32) -> Result<(), Error> {
    let corpus = target_dir().join("fuzz/corpus").join(name);
    let artifacts = target_dir().join("fuzz/artifacts").join(name);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    // Allows the unstable flags for instrumentation and the address sanitizer on stable Rust.
    let mut command = cargo();
    command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--codegen-units", "8", "--fuzz-dir", FUZZ_DIR]);
    command.arg("--target-dir").arg(target_dir().join("fuzz")).arg(name);
    // New inputs go into the first directory.
    command.arg(&corpus).args(seeds).arg("--");
    command.args(["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=512", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={max_bytes}"));
    // Overrides the directory among the sources that cargo-fuzz sets and creates.
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    let result = run_command(&mut command);
    let created = root().join(FUZZ_DIR).join("artifacts");
    let _ = std::fs::remove_dir(created.join(name)).and_then(|()| std::fs::remove_dir(&created));
    result
}
