//! `cargo xtask fuzz`: runs the fuzz targets for a limited time.

use std::path::PathBuf;

use anyhow::{Error, bail};

use crate::process::{cargo, root, run as run_command, succeeds, target_dir};

/// Workspace of the fuzz targets, relative to the root.
const FUZZ_DIR: &str = "fixtures/fuzz";

/// Default size limit of inputs.
const MAX_BYTES: usize = 20_000;

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds per target, excluding the build.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    /// Targets to run [default: all].
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(TARGETS.iter().map(|t| t.name)))]
    target: Vec<String>,
}

/// A fuzz target with the folders of its initial inputs.
struct Target {
    name: &'static str,
    seeds: &'static [&'static str],
    max_bytes: usize,
}

const TOKENS: &str = "fixtures/tokens";
const LAYOUTS: [&str; 3] = [
    "fixtures/parity/layouts/transformers",
    "fixtures/parity/layouts/prefix_model_f16",
    "fixtures/parity/layouts/reference_f16",
];

const fn target(name: &'static str, seeds: &'static [&'static str]) -> Target {
    Target { name, seeds, max_bytes: MAX_BYTES }
}

const TARGETS: &[Target] = &[
    target("wav", &["fixtures/fuzz/seeds/wav"]),
    target("audio", &["crates/dac-audio/tests/data/formats"]),
    target("pickle", &[TOKENS]),
    target("torch", &[TOKENS]),
    Target { name: "checkpoint", seeds: &LAYOUTS, max_bytes: 200_000 },
    target("config_json", &["fixtures/parity/layouts/hance", "fixtures/parity/layouts/transformers"]),
    target("manifest", &["fixtures/fuzz/seeds/manifest"]),
    target("tokens_dac", &[TOKENS, "fixtures/parity/descript"]),
    target("tokens_dacp", &["fixtures/fuzz/seeds/dacp"]),
    target("tokens_npy", &[TOKENS]),
    target("tokens_pt", &[TOKENS]),
    target("tokens_safetensors", &[TOKENS]),
];

/// Runs all targets, then fails if one did not build or found a fault.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    if !succeeds(cargo().args(["fuzz", "--version"])) {
        run_command(cargo().args(["install", "--locked", "cargo-fuzz"]))?;
    }
    let is_chosen = |t: &&Target| args.target.is_empty() || args.target.iter().any(|name| name == t.name);
    let mut failed = Vec::new();
    for target in TARGETS.iter().filter(is_chosen) {
        println!("-- {}", target.name);
        if let Err(error) = fuzz(target, args.seconds) {
            eprintln!("{error:#}");
            failed.push(target.name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}; inputs are in {}", failed.join(", "), artifacts_dir("").display());
    }
    println!("no faults found");
    Ok(())
}

fn artifacts_dir(name: &str) -> PathBuf {
    target_dir().join("fuzz/artifacts").join(name)
}

fn fuzz(target: &Target, seconds: u32) -> Result<(), Error> {
    let corpus = target_dir().join("fuzz/corpus").join(target.name);
    let artifacts = artifacts_dir(target.name);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    // Allows the unstable flags for instrumentation and the address sanitizer on stable Rust.
    let mut command = cargo();
    command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--codegen-units", "8", "--fuzz-dir", FUZZ_DIR]);
    command.arg("--target-dir").arg(target_dir().join("fuzz")).arg(target.name);
    // New inputs go into the first folder.
    command.arg(&corpus).args(target.seeds).arg("--");
    command.args(["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=512", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={}", target.max_bytes));
    // Overrides the folder among the sources that cargo-fuzz sets and creates.
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    let result = run_command(&mut command);
    let created = root().join(FUZZ_DIR).join("artifacts");
    let _ = std::fs::remove_dir(created.join(target.name)).and_then(|()| std::fs::remove_dir(&created));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_are_listed_and_have_initial_inputs() {
        let mut files: Vec<_> = std::fs::read_dir(root().join(FUZZ_DIR).join("targets"))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let mut names: Vec<_> = TARGETS.iter().map(|t| t.name).collect();
        files.sort();
        names.sort_unstable();
        assert_eq!(files, names);
        for folder in TARGETS.iter().flat_map(|t| t.seeds) {
            assert!(root().join(folder).read_dir().unwrap().next().is_some(), "{folder}");
        }
    }
}
