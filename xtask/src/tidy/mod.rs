//! `cargo xtask tidy`: checks rules that no compiler checks.
//!
//! - every Rust file begins with module docs and has lines of at most 110 columns;
//! - every file of code has at most 500 lines;
//! - every crate forbids unsafe code, except dac-kernels, dac-capi and one module of dac-model;
//! - crates depend on each other only as in `docs/dev/architecture.md`; the lower ones do not depend on burn;
//! - the modules of a crate do not import each other in a cycle;
//! - no file names the host of a package registry or a directory of a developer's machine;
//! - all tracked files together have at most 40 MiB.

pub mod arrows;
pub mod cycles;
pub mod text;

use std::path::PathBuf;

use anyhow::{Error, ensure};

use crate::process::{command, root, stdout_of};

const MAX_TRACKED_BYTES: usize = 40 << 20;

/// Runs the task; fails if a rule is broken.
pub fn run() -> Result<(), Error> {
    let mut faults = Vec::new();
    let mut texts = Vec::new();
    let mut total = 0;
    let tracked = stdout_of(command("git").args(["ls-files", "-z"]))?;
    for path in tracked.split_terminator('\0').map(PathBuf::from) {
        // A tracked file may have been deleted.
        let Ok(bytes) = std::fs::read(root().join(&path)) else { continue };
        total += bytes.len();
        if let Ok(text) = String::from_utf8(bytes) {
            faults.extend(text::faults(&path, &text));
            texts.push((path, text));
        }
    }
    if total > MAX_TRACKED_BYTES {
        faults.push(format!("tracked files have {total} bytes; at most {MAX_TRACKED_BYTES} are allowed"));
    }
    faults.extend(arrows::faults()?);
    faults.extend(cycles::faults(&texts));
    for fault in &faults {
        println!("fault: {fault}");
    }
    ensure!(faults.is_empty(), "{} faults", faults.len());
    println!("no faults in {:.1} MiB of tracked files", total as f64 / f64::from(1 << 20));
    Ok(())
}
