//! Dependencies between the crates, compared with the arrows in `docs/dev/architecture.md`.

use std::collections::BTreeSet;

use anyhow::{Context, Error, bail};
use serde::Deserialize;

use crate::process::{cargo, stdout_of, succeeds};

/// Each crate with the crates of the workspace that it may depend on, lowest first.
pub const ARROWS: [(&str, &str); 19] = [
    ("dac-kernels", ""),
    ("dac-sniff", ""),
    ("dac-pickle", "dac-sniff"),
    ("dac-atomic", ""),
    ("dac-audio", "dac-atomic dac-sniff"),
    ("dac-picture", ""),
    ("dac-rvq", "dac-kernels"),
    ("dac-nn", "dac-kernels"),
    ("dac-tokens", "dac-rvq dac-pickle dac-atomic dac-sniff"),
    ("dac-dataset", "dac-rvq dac-tokens dac-atomic"),
    ("dac-model", "dac-kernels dac-nn dac-rvq dac-pickle dac-atomic dac-sniff"),
    ("dac-stream", "dac-model dac-nn dac-rvq"),
    ("dac", "dac-kernels dac-pickle dac-atomic dac-audio dac-rvq dac-nn dac-tokens dac-model dac-stream"),
    ("dac-batch", "dac dac-atomic dac-dataset"),
    ("dac-report", "dac dac-atomic dac-picture"),
    ("dac-cli", "dac dac-batch dac-report"),
    ("dac-python", "dac dac-batch dac-cli"),
    ("dac-capi", "dac dac-batch"),
    ("xtask", ""),
];

/// Crates that must build without burn.
const WITHOUT_BURN: &str = "dac-kernels dac-sniff dac-pickle dac-atomic dac-audio dac-picture dac-tokens \
     dac-dataset dac-python dac-capi xtask";

/// Dependencies that only some crates may have: libraries do not download, draw progress bars or parse
/// arguments.
const ONLY_IN: [(&str, &[&str]); 4] = [
    ("ureq", &["dac-cli"]),
    ("indicatif", &["dac-cli"]),
    ("clap", &["dac-cli", "xtask"]),
    ("anyhow", &["dac-cli", "xtask"]),
];

#[derive(Debug, Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
pub struct Package {
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// `dev` or `build`; `None` for a normal dependency.
    pub kind: Option<String>,
}

/// Lists dependencies that are not allowed.
pub fn faults() -> Result<Vec<String>, Error> {
    let text = stdout_of(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let mut faults = check(&serde_json::from_str(&text).context("cargo metadata")?);
    // The inverted tree of burn: cargo fails if the package does not depend on it.
    let depends_on_burn =
        |name| succeeds(cargo().args(["tree", "--quiet", "-p", name, "-e", "normal,build", "-i", "burn"]));
    if !depends_on_burn("dac-cli") {
        bail!("cargo tree does not find burn in dac-cli, which depends on it; the check is broken");
    }
    let wrong = WITHOUT_BURN.split(' ').filter(|name| depends_on_burn(name));
    faults.extend(wrong.map(|name| format!("{name} depends on burn")));
    Ok(faults)
}

/// Lists dependencies that `ARROWS` and `ONLY_IN` do not allow.
pub fn check(metadata: &Metadata) -> Vec<String> {
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
            faults.push(format!("{name} is missing in ARROWS in xtask/src/tidy/arrows.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            let to = dependency.name.as_str();
            let kind = dependency.kind.as_deref().unwrap_or("normal");
            if ours.contains(to) && to != name && !allowed.split(' ').any(|name| name == to) {
                faults.push(format!("{name} must not depend on {to} ({kind})"));
            }
            let restricted = ONLY_IN.iter().find(|(other, _)| *other == to);
            if restricted.is_some_and(|(_, crates)| !crates.contains(&name)) && kind == "normal" {
                faults.push(format!("{name} must not depend on {to}"));
            }
        }
    }
    faults
}
