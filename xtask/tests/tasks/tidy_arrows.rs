//! Rules on dependencies between crates.

use std::collections::BTreeSet;

use xtask::tidy::arrows::{ARROWS, Dependency, Metadata, Package, check};

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
