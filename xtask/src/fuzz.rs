//! `cargo xtask fuzz`: every reader meets damaged and hostile files for a bounded time.

use anyhow::{Error, bail};

use crate::process::{cargo, root, run as run_command, succeeds, target};

/// The workspace of the targets, from the root.
const FUZZ_DIR: &str = "fixtures/fuzz";

/// Longest input where a target asks for nothing else, in bytes.
const MAX_BYTES: usize = 20_000;

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Time for each target, in seconds; building comes on top.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    /// Targets to run; all of them if none is named.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(TARGETS.iter().map(|t| t.name)))]
    target: Vec<String>,
}

/// A fuzz target and the folders whose files it starts from.
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

const fn of(name: &'static str, seeds: &'static [&'static str]) -> Target {
    Target { name, seeds, max_bytes: MAX_BYTES }
}

const TARGETS: &[Target] = &[
    of("wav", &["fixtures/fuzz/seeds/wav"]),
    of("audio", &["crates/dac-audio/tests/data/formats"]),
    of("pickle", &[TOKENS]),
    of("torch", &[TOKENS]),
    Target { name: "checkpoint", seeds: &LAYOUTS, max_bytes: 200_000 },
    of("config_json", &["fixtures/parity/layouts/hance", "fixtures/parity/layouts/transformers"]),
    of("manifest", &["fixtures/fuzz/seeds/manifest"]),
    of("tokens_dac", &[TOKENS, "fixtures/parity/descript"]),
    of("tokens_dacp", &["fixtures/fuzz/seeds/dacp"]),
    of("tokens_npy", &[TOKENS]),
    of("tokens_pt", &[TOKENS]),
    of("tokens_safetensors", &[TOKENS]),
];

/// Runs the task.
///
/// # Errors
/// When cargo-fuzz cannot be installed, or a target does not build or finds something; all targets run before that.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    if !succeeds(cargo().args(["fuzz", "--version"])) {
        run_command(cargo().args(["install", "--locked", "cargo-fuzz"]))?;
    }
    let chosen = |t: &&Target| args.target.is_empty() || args.target.iter().any(|name| name == t.name);
    let mut failed = Vec::new();
    for target in TARGETS.iter().filter(chosen) {
        println!("-- {}", target.name);
        if let Err(error) = fuzz(target, args.seconds) {
            eprintln!("{error:#}");
            failed.push(target.name);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}; what was found lies under {}", failed.join(", "), artifacts("").display());
    }
    println!("nothing found");
    Ok(())
}

fn artifacts(name: &str) -> std::path::PathBuf {
    target().join("fuzz/artifacts").join(name)
}

fn fuzz(chosen: &Target, seconds: u32) -> Result<(), Error> {
    let (corpus, artifacts) = (target().join("fuzz/corpus").join(chosen.name), artifacts(chosen.name));
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    // Instrumentation and the address sanitizer are unstable flags of the stable compiler.
    let mut command = cargo();
    command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", "--codegen-units", "8", "--fuzz-dir", FUZZ_DIR]);
    command.arg("--target-dir").arg(target().join("fuzz")).arg(chosen.name);
    // What is new goes into the first folder.
    command.arg(&corpus).args(chosen.seeds).arg("--");
    command.args(["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=512", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={}", chosen.max_bytes));
    // The last one counts; cargo-fuzz names a folder among the sources before it, and makes it.
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    let result = run_command(&mut command);
    let made = root().join(FUZZ_DIR).join("artifacts");
    let _ = std::fs::remove_dir(made.join(chosen.name)).and_then(|()| std::fs::remove_dir(&made));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_of_the_workspace_is_run_from_seeds_that_are_there() {
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
