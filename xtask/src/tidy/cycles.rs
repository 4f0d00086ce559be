//! Import cycles between the top-level modules of a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Lists groups of modules that import each other, outside tests. The module `error` may import any other.
pub fn faults(files: &[(PathBuf, String)]) -> Vec<String> {
    let mut crates: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for (path, text) in files {
        if let Some((folder, module)) = module(path) {
            *crates.entry(folder).or_default().entry(module).or_default() += &code(text);
        }
    }
    let groups =
        crates.iter().flat_map(|(folder, modules)| cycles(modules).into_iter().map(move |g| (folder, g)));
    groups.map(|(folder, group)| format!("{folder}: {} import each other", group.join(", "))).collect()
}

/// Splits `crates/NAME/src/MODULE/…` into `crates/NAME` and `MODULE`; `None` for other files and for tests.
fn module(path: &Path) -> Option<(&str, &str)> {
    let (folder, rest) = path.to_str()?.strip_suffix(".rs")?.split_once("/src/")?;
    Some((folder, rest.split('/').next()?)).filter(|_| !rest.contains("tests"))
}

/// Removes comments and unit tests.
fn code(text: &str) -> String {
    let code = text.split("\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Finds the groups of modules that reach themselves through their imports.
fn cycles(modules: &BTreeMap<&str, String>) -> BTreeSet<Vec<String>> {
    let root = modules.get("lib").or(modules.get("main")).map_or("", String::as_str);
    let uses = root.split(';').filter_map(|statement| statement.rsplit_once("use ")?.1.split_once("::"));
    let reexports: BTreeMap<_, _> =
        uses.flat_map(|(module, names)| words(names).map(move |name| (name, module))).collect();
    let imports = |module: &str| -> Vec<&str> {
        let code = modules.get(module).filter(|_| !["error", "lib", "main"].contains(&module));
        let paths = code.map_or("", String::as_str).split("crate::").skip(1);
        let names = paths.flat_map(|path| {
            let count = if path.starts_with('{') { usize::MAX } else { 1 };
            words(path.split(';').next().unwrap_or_default()).take(count)
        });
        names
            .filter_map(|name| {
                modules.get_key_value(name).map(|(module, _)| *module).or(reexports.get(name).copied())
            })
            .filter(|imported| *imported != module)
            .collect()
    };
    let reachable = |start: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), imports(start));
        while let Some(module) = next.pop() {
            if seen.insert(module) {
                next.extend(imports(module));
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = modules.keys().map(|module| (*module, reachable(module))).collect();
    let in_cycle = reached.iter().filter(|(module, others)| others.contains(*module));
    in_cycle
        .map(|(module, others)| {
            let group = others.iter().filter(|o| reached.get(*o).is_some_and(|r| r.contains(module)));
            group.map(|name| (*name).to_owned()).collect()
        })
        .collect()
}
