//! `cargo xtask tidy`: the rules that no compiler checks.
//!
//! - every Rust file begins with module docs and has at most 800 lines (a warning from 500 on);
//! - crates depend downwards alone, as `docs/architecture.md` draws them, and what must not know burn does not;
//! - dac-nn, dac-rvq and dac-stream know neither files nor paths, `unsafe` stands in its two folders only;
//! - no text names a package registry's host or a folder of somebody's machine;
//! - all tracked files together stay under 40 MiB.

mod arrows;
mod code;
mod files;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Error, bail};

use crate::process::{command, output, root};

/// All tracked files together.
const MAX_TRACKED_BYTES: u64 = 40 << 20;

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// What is against a rule.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) warnings: Vec<String>,
    pub(crate) faults: Vec<String>,
}

/// Runs the task.
///
/// # Errors
/// When git or cargo cannot be asked, or something is against a rule.
pub(crate) fn run(_: &Args) -> Result<(), Error> {
    let mut findings = Findings::default();
    let paths = tracked_files()?;
    let mut total = 0;
    for path in &paths {
        // A tracked file may just have been removed.
        let Ok(bytes) = std::fs::read(root().join(path)) else { continue };
        total += bytes.len() as u64;
        if let Ok(text) = String::from_utf8(bytes) {
            check_text(path, &text, &mut findings);
        }
    }
    if total > MAX_TRACKED_BYTES {
        findings
            .faults
            .push(format!("tracked files have {total} bytes in all, {MAX_TRACKED_BYTES} are allowed"));
    }
    arrows::check(&mut findings)?;

    for warning in &findings.warnings {
        println!("warning: {warning}");
    }
    for fault in &findings.faults {
        println!("fault: {fault}");
    }
    if !findings.faults.is_empty() {
        bail!("{} faults", findings.faults.len());
    }
    println!("{} tracked files, {:.1} MiB, no faults", paths.len(), total as f64 / f64::from(1 << 20));
    Ok(())
}

fn check_text(path: &Path, text: &str, findings: &mut Findings) {
    let name = path.display();
    if path.extension().is_some_and(|extension| extension == "rs") {
        if !files::begins_with_docs(text) {
            findings.faults.push(format!("{name}: does not begin with module docs (//!)"));
        }
        for (line, what) in files::forbidden(path, text) {
            findings.faults.push(format!("{name}:{line}: {what}"));
        }
    }
    match files::length(path, text) {
        files::Length::Fine => {}
        files::Length::Long(lines) => findings.warnings.push(format!("{name}: {lines} lines")),
        files::Length::TooLong(lines) => {
            findings.faults.push(format!("{name}: {lines} lines, at most {} are allowed", files::MAX_LINES));
        }
    }
    for (line, what) in words::forbidden(path, text) {
        findings.faults.push(format!("{name}:{line}: {what}"));
    }
}

fn tracked_files() -> Result<Vec<PathBuf>, Error> {
    let names = output(command("git").args(["ls-files", "-z"]))?;
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
}
