//! Stored runs: `docs/benchmarks/runs/DATE-MACHINE/KIND[-N].json`.

use std::path::PathBuf;

use anyhow::{Context, Error};
use serde::{Deserialize, Serialize};

use super::Record;
use super::machine::Machine;
use super::peers::Side;
use crate::process::{command, root, stdout_of};

/// Subject of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The binary with different models and devices.
    Bench,
    /// The binary and other implementations.
    Peers,
}

/// One run with the information needed to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub kind: Kind,
    /// Start date, UTC.
    pub date: String,
    /// Commit, with `-dirty` if files were changed.
    pub commit: String,
    pub machine: Machine,
    /// Command line of the task.
    pub task: String,
    pub commands: Vec<String>,
    #[serde(default)]
    pub records: Vec<Record>,
    #[serde(default)]
    pub sides: Vec<Side>,
}

impl Run {
    /// Creates an empty run with the current date and commit.
    pub fn new(kind: Kind, machine: Machine) -> Result<Self, Error> {
        let date = stdout_of(command("date").args(["-u", "+%Y-%m-%d"]))?.trim().to_owned();
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let task = without_folders(&format!("cargo xtask {}", arguments.join(" ")));
        let commit = commit();
        Ok(Self { kind, date, commit, machine, task, commands: vec![], records: vec![], sides: vec![] })
    }
}

/// Returns the commit of the sources; `unknown` outside a git repository.
fn commit() -> String {
    let git =
        |arguments: &[&str]| stdout_of(command("git").args(arguments)).map(|text| text.trim().to_owned());
    let Ok(mut commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--", "crates", "Cargo.toml", "Cargo.lock"]);
    if changed.is_ok_and(|files| !files.is_empty()) {
        commit += "-dirty";
    }
    commit
}

/// Replaces absolute paths in a command line by their file names.
pub fn without_folders(command_line: &str) -> String {
    let file_name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let shorten = |word: &str| match word.split_once('=') {
        Some((name, value)) if value.starts_with('/') => format!("{name}={}", file_name(value)),
        None if word.starts_with('/') => file_name(word),
        _ => word.to_owned(),
    };
    command_line.split(' ').map(shorten).collect::<Vec<_>>().join(" ")
}

/// Directory of the rendered page; the runs are in `runs` below it.
pub fn folder() -> PathBuf {
    root().join("docs").join("benchmarks")
}

pub fn save(run: &Run) -> Result<PathBuf, Error> {
    let folder = folder().join("runs").join(format!("{}-{}", run.date, run.machine.slug()));
    std::fs::create_dir_all(&folder)?;
    let kind = if run.kind == Kind::Bench { "bench" } else { "peers" };
    let names = (1..).map(|n| if n == 1 { format!("{kind}.json") } else { format!("{kind}-{n}.json") });
    let mut paths = names.map(|name| folder.join(name));
    let path = paths.find(|path| !path.exists()).context("no unused file name")?;
    std::fs::write(&path, serde_json::to_string_pretty(run)? + "\n")?;
    Ok(path.strip_prefix(root()).map(PathBuf::from).unwrap_or(path))
}

/// Reads all runs, newest first, with their paths relative to [`folder`].
pub fn all() -> Result<Vec<(String, Run)>, Error> {
    let mut runs = Vec::new();
    let Ok(folders) = std::fs::read_dir(folder().join("runs")) else { return Ok(runs) };
    for entry in folders {
        for file in std::fs::read_dir(entry?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = std::fs::read_to_string(&path)?;
                let run = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
                let name = path.strip_prefix(folder()).unwrap_or(&path);
                runs.push((name.display().to_string(), run));
            }
        }
    }
    // Runs of one day end in nothing, -2, -3, …: a longer name is newer.
    runs.sort_by(|(a, x), (b, y)| (&y.date, b.len(), b).cmp(&(&x.date, a.len(), a)));
    Ok(runs)
}
