//! Dependencies between the crates, compared with the arrows in `docs/dev/architecture.md`.

use std::collections::BTreeSet;

use anyhow::{Context, Error, bail};
use serde::Deserialize;

use crate::process::{cargo, stdout_of, succeeds};

/// Each crate with the crates of the workspace that it may depend on, lowest first.
const ARROWS: [(&str, &str); 17] = [
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
    ("dac-model", "dac-kernels dac-nn dac-rvq dac-pickle dac-sniff"),
    ("dac-stream", "dac-model dac-nn dac-rvq"),
    ("dac", "dac-kernels dac-pickle dac-atomic dac-audio dac-rvq dac-nn dac-tokens dac-model dac-stream"),
    ("dac-batch", "dac dac-atomic dac-dataset"),
    ("dac-report", "dac dac-atomic dac-picture"),
    ("dac-cli", "dac dac-batch dac-report"),
    ("xtask", ""),
];

/// Crates that must build without burn.
const WITHOUT_BURN: &str =
    "dac-kernels dac-sniff dac-pickle dac-atomic dac-audio dac-picture dac-tokens dac-dataset xtask";

/// Dependencies that only some crates may have: libraries do not download, draw progress bars or parse
/// arguments.
const ONLY_IN: [(&str, &[&str]); 4] = [
    ("ureq", &["dac-cli"]),
    ("indicatif", &["dac-cli"]),
    ("clap", &["dac-cli", "xtask"]),
    ("anyhow", &["dac-cli", "xtask"]),
];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; `None` for a normal dependency.
    kind: Option<String>,
}

/// Lists dependencies that are not allowed.
pub(super) fn faults() -> Result<Vec<String>, Error> {
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

fn check(metadata: &Metadata) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(dependencies: &[(&str, &str, Option<&str>)]) -> Metadata {
        let names: BTreeSet<&str> = dependencies.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
        let of = |name: &str| {
            let edges = dependencies.iter().filter(|(from, ..)| *from == name);
            let edge = |(_, to, kind): &(&str, &str, Option<&str>)| Dependency {
                name: (*to).to_owned(),
                kind: kind.map(str::to_owned),
            };
            Package { name: name.to_owned(), dependencies: edges.map(edge).collect() }
        };
        Metadata { packages: names.iter().filter(|name| **name != "ureq").map(|name| of(name)).collect() }
    }

    #[test]
    fn only_listed_dependencies_are_allowed() {
        assert_eq!(check(&workspace(&[("dac-nn", "dac-kernels", None), ("dac-cli", "dac", None)])), [""; 0]);
        assert_eq!(check(&workspace(&[("dac-kernels", "dac-nn", None)])).len(), 1);
        assert_eq!(check(&workspace(&[("dac-cli", "dac-model", None)])).len(), 1);
        let dev = check(&workspace(&[("dac-audio", "dac-rvq", Some("dev"))]));
        assert!(dev.len() == 1 && dev[0].contains("dev"), "{dev:?}");
    }

    #[test]
    fn libraries_must_not_download() {
        assert_eq!(check(&workspace(&[("dac-cli", "ureq", None)])), [""; 0]);
        assert_eq!(check(&workspace(&[("dac-model", "ureq", None)])), ["dac-model must not depend on ureq"]);
    }

    #[test]
    fn a_new_crate_must_be_listed() {
        assert_eq!(check(&workspace(&[("dac-new", "dac", None)])).len(), 1);
    }

    #[test]
    fn listed_dependencies_are_lower_crates() {
        for (index, (name, below)) in ARROWS.iter().enumerate() {
            for to in below.split_terminator(' ') {
                let lower = ARROWS.iter().position(|(other, _)| *other == to).unwrap();
                assert!(lower < index, "{name} -> {to}");
            }
        }
    }
}
