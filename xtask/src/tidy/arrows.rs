//! Dependencies between the crates, as cargo knows them, against the arrows of `docs/architecture.md`.

use std::collections::BTreeSet;

use anyhow::{Context, Error, bail};
use serde::Deserialize;

use super::Findings;
use crate::process::{cargo, output, succeeds};

/// Every crate with those of ours that it may depend on, lowest first: an arrow never points upwards.
const ARROWS: [(&str, &[&str]); 16] = [
    ("dac-kernels", &[]),
    ("dac-pickle", &[]),
    ("dac-atomic", &[]),
    ("dac-audio", &["dac-atomic"]),
    ("dac-picture", &[]),
    ("dac-rvq", &["dac-kernels"]),
    ("dac-nn", &["dac-kernels"]),
    ("dac-tokens", &["dac-rvq", "dac-pickle", "dac-atomic"]),
    ("dac-dataset", &["dac-rvq", "dac-tokens", "dac-atomic"]),
    ("dac-model", &["dac-kernels", "dac-nn", "dac-rvq", "dac-pickle"]),
    ("dac-stream", &["dac-model", "dac-nn", "dac-rvq"]),
    (
        "dac",
        &[
            "dac-kernels",
            "dac-pickle",
            "dac-atomic",
            "dac-audio",
            "dac-rvq",
            "dac-nn",
            "dac-tokens",
            "dac-model",
            "dac-stream",
        ],
    ),
    ("dac-batch", &["dac", "dac-atomic", "dac-dataset"]),
    ("dac-report", &["dac", "dac-atomic", "dac-picture"]),
    ("dac-cli", &["dac", "dac-batch", "dac-report"]),
    ("xtask", &["dac-picture"]),
];

/// Crates below the network, and the tool: burn is nothing they know.
const WITHOUT_BURN: [&str; 8] = [
    "dac-kernels",
    "dac-pickle",
    "dac-atomic",
    "dac-audio",
    "dac-picture",
    "dac-tokens",
    "dac-dataset",
    "xtask",
];

/// Crates of others that belong to one of ours: libraries neither download nor draw progress bars nor parse arguments.
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
    /// None for a normal one, `dev` or `build`.
    kind: Option<String>,
}

/// Checks the workspace.
///
/// # Errors
/// When cargo cannot be asked.
pub(super) fn check(findings: &mut Findings) -> Result<(), Error> {
    let text = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata")?;
    findings.faults.extend(faults(&metadata));
    // The tree of a crate upside down from burn: cargo fails where there is none.
    let knows_burn =
        |name| succeeds(cargo().args(["tree", "--quiet", "-p", name, "-e", "normal,build", "-i", "burn"]));
    if !knows_burn("dac-cli") {
        bail!("cargo tree does not find burn in dac-cli, where it is: the check would prove nothing");
    }
    let wrong = WITHOUT_BURN.into_iter().filter(|name| knows_burn(name));
    findings.faults.extend(wrong.map(|name| format!("{name} depends on burn")));
    Ok(())
}

fn faults(metadata: &Metadata) -> Vec<String> {
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            faults.push(format!("{name} has no place among the arrows of xtask/src/tidy/arrows.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            let to = dependency.name.as_str();
            let kind = dependency.kind.as_deref().unwrap_or("normal");
            if ours.contains(to) && to != name && !allowed.contains(&to) {
                faults.push(format!("{name} must not depend on {to} ({kind})"));
            }
            let owner = ONLY_IN.iter().find(|(other, _)| *other == to);
            if owner.is_some_and(|(_, crates)| !crates.contains(&name)) && kind == "normal" {
                faults.push(format!("{to} is not for {name}"));
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
    fn arrows_point_downwards() {
        assert_eq!(faults(&workspace(&[("dac-nn", "dac-kernels", None), ("dac-cli", "dac", None)])), [""; 0]);
        assert_eq!(faults(&workspace(&[("dac-kernels", "dac-nn", None)])).len(), 1);
        assert_eq!(faults(&workspace(&[("dac-cli", "dac-model", None)])).len(), 1);
        let for_tests = faults(&workspace(&[("dac-audio", "dac-rvq", Some("dev"))]));
        assert!(for_tests.len() == 1 && for_tests[0].contains("dev"), "{for_tests:?}");
    }

    #[test]
    fn libraries_do_not_download() {
        assert_eq!(faults(&workspace(&[("dac-cli", "ureq", None)])), [""; 0]);
        assert_eq!(faults(&workspace(&[("dac-model", "ureq", None)])), ["ureq is not for dac-model"]);
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert_eq!(faults(&workspace(&[("dac-new", "dac", None)])).len(), 1);
    }

    #[test]
    fn the_table_itself_points_downwards() {
        for (index, (name, below)) in ARROWS.iter().enumerate() {
            for to in *below {
                let place = ARROWS.iter().position(|(other, _)| other == to).unwrap();
                assert!(place < index, "{name} -> {to}");
            }
        }
    }
}
