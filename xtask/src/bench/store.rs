//! Runs as they are kept: `docs/benchmarks/runs/DATE-MACHINE/KIND[-N].json`.

use std::path::PathBuf;

use anyhow::{Context, Error};
use serde::{Deserialize, Serialize};

use super::Record;
use super::machine::Machine;
use super::peers::Side;
use crate::process::{command, output, root};

/// What a run compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Models and devices of the binary.
    Bench,
    /// The binary and its peers.
    Peers,
}

/// One run with everything that is needed to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) kind: Kind,
    /// Day it was begun, UTC.
    pub(crate) date: String,
    /// The commit, with `-dirty` when files were changed since.
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    /// How it was asked for.
    pub(crate) task: String,
    pub(crate) commands: Vec<String>,
    /// Records of `dac bench --json`.
    #[serde(default)]
    pub(crate) records: Vec<Record>,
    /// The peers and the binary beside them.
    #[serde(default)]
    pub(crate) sides: Vec<Side>,
}

impl Run {
    /// A run that begins now, of the sources as they are.
    ///
    /// # Errors
    /// When the date cannot be asked.
    pub(crate) fn begin(kind: Kind, machine: Machine) -> Result<Self, Error> {
        let date = output(command("date").args(["-u", "+%Y-%m-%d"]))?.trim().to_owned();
        let words: Vec<String> = std::env::args().skip(1).collect();
        let task = portable(&format!("cargo xtask {}", words.join(" ")));
        let commit = commit();
        Ok(Self { kind, date, commit, machine, task, commands: vec![], records: vec![], sides: vec![] })
    }
}

/// The commit of the sources, unknown outside a git repository.
fn commit() -> String {
    let git = |arguments: &[&str]| output(command("git").args(arguments)).map(|text| text.trim().to_owned());
    let Ok(mut commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--", "crates", "Cargo.toml", "Cargo.lock"]);
    if changed.is_ok_and(|files| !files.is_empty()) {
        commit += "-dirty";
    }
    commit
}

/// A command without the folders of this machine: a path outside the workspace keeps its last part.
pub(crate) fn portable(text: &str) -> String {
    let last = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let word = |word: &str| match word.split_once('=') {
        Some((name, value)) if value.starts_with('/') => format!("{name}={}", last(value)),
        None if word.starts_with('/') => last(word),
        _ => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn folder() -> PathBuf {
    root().join("docs").join("benchmarks").join("runs")
}

/// Keeps a run under a name that is still free.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn keep(run: &Run) -> Result<PathBuf, Error> {
    let folder = folder().join(format!("{}-{}", run.date, run.machine.slug()));
    std::fs::create_dir_all(&folder)?;
    let kind = match run.kind {
        Kind::Bench => "bench",
        Kind::Peers => "peers",
    };
    let names = (1..).map(|n| if n == 1 { format!("{kind}.json") } else { format!("{kind}-{n}.json") });
    let path = names.map(|name| folder.join(name)).find(|path| !path.exists()).context("no free name")?;
    std::fs::write(&path, serde_json::to_string_pretty(run)? + "\n")?;
    Ok(path.strip_prefix(root()).map(PathBuf::from).unwrap_or(path))
}

/// All runs with their paths below `docs/`, the newest first.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn all() -> Result<Vec<(String, Run)>, Error> {
    let mut runs = Vec::new();
    let Ok(folders) = std::fs::read_dir(folder()) else { return Ok(runs) };
    for folder in folders {
        for file in std::fs::read_dir(folder?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let text = std::fs::read_to_string(&path)?;
                let run = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
                let name = path.strip_prefix(root().join("docs")).unwrap_or(&path);
                runs.push((name.display().to_string(), run));
            }
        }
    }
    // The second of a day's runs is called -2: a longer name is newer.
    runs.sort_by(|(a, x), (b, y)| (&y.date, b.len(), b).cmp(&(&x.date, a.len(), a)));
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_lose_the_folders_of_the_machine() {
        assert_eq!(
            portable("A=1 /usr/x/dac bench --weights=/a/b.pth c/d"),
            "A=1 dac bench --weights=b.pth c/d"
        );
        assert_eq!(portable("GLIBC=a.b=1:c=2 x"), "GLIBC=a.b=1:c=2 x");
    }

    #[test]
    fn a_run_is_read_as_it_was_written() {
        let mut run = Run::begin(Kind::Bench, Machine::other("a machine")).unwrap();
        assert!(run.date.len() == 10 && !run.commit.is_empty(), "{run:?}");
        run.records.push(serde_json::from_str(super::super::tests::LINE).unwrap());
        let text = serde_json::to_string_pretty(&run).unwrap();
        assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
    }
}
