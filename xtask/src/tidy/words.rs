//! Words that no tracked text has: hosts of package registries, and folders of somebody's machine.

use std::path::Path;

/// Files that tools write by themselves.
const GENERATED: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// The words with what is wrong with them. They are put together here, so that this file has none of them either.
fn words() -> Vec<(String, &'static str)> {
    let host = "names a package registry's host";
    let folder = "names a folder of somebody's machine";
    let hosts = [
        ["crates", "io"],
        ["pypi", "org"],
        ["pythonhosted", "org"],
        ["npmjs", "org"],
        ["npmjs", "com"],
        ["deb.debian", "org"],
        ["download.pytorch", "org"],
    ];
    let mut words: Vec<_> = hosts.iter().map(|parts| (parts.join("."), host)).collect();
    words.extend(["root", "work"].map(|name| (format!("/{name}/"), folder)));
    words
}

/// Lines that have such a word.
pub(super) fn forbidden(path: &Path, text: &str) -> Vec<(usize, String)> {
    if path.file_name().is_some_and(|name| GENERATED.iter().any(|generated| name == *generated)) {
        return Vec::new();
    }
    let words = words();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (word, why) in &words {
            if line.match_indices(word.as_str()).any(|(at, _)| begins_there(line, at, word)) {
                found.push((index + 1, format!("{why}: {word}")));
            }
        }
    }
    found
}

/// Whether a folder's name is the beginning of a path, not the middle of one; a host may follow anything.
fn begins_there(line: &str, at: usize, word: &str) -> bool {
    let before = line[..at].chars().next_back();
    !word.starts_with('/') || !before.is_some_and(|c| c.is_alphanumeric() || "_-.~/}>)*".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_machines_are_found() {
        let host = ["https://crates", "io/crates/x"].join(".");
        let lock = format!("a\nsource = \"{host}\"\n");
        assert_eq!(forbidden(Path::new("docs/a.md"), &lock).len(), 1);
        assert_eq!(forbidden(Path::new("docs/a.md"), &lock)[0].0, 2);
        assert_eq!(forbidden(Path::new("fixtures/consumer/Cargo.lock"), &lock), []);
        let folder = |before: &str| format!("cd {before}/{}/main", "work");
        assert_eq!(forbidden(Path::new("a.sh"), &folder("")).len(), 1);
        assert_eq!(forbidden(Path::new("a.sh"), &folder("target")).len(), 0);
        assert_eq!(forbidden(Path::new("a.md"), "a crate's io, the org of pypi"), []);
    }
}
