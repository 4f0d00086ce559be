//! Rules on the text of one file.

use std::path::Path;

const MAX_LINES: usize = 500;
const MAX_COLUMNS: usize = 110;

/// Directories whose crates may contain unsafe code.
const UNSAFE_CRATES: [&str; 3] = ["fixtures", "crates/dac-kernels", "crates/dac-capi"];

/// Strings that no tracked file contains; `concat!` keeps them out of this one.
pub const REGISTRY_HOSTS: [&str; 7] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("deb.debian", ".org"),
    concat!("download.pytorch", ".org"),
];
pub const MACHINE_FOLDERS: [&str; 2] = [concat!("/", "root/"), concat!("/", "work/")];

/// Lists the broken rules of a file.
pub fn faults(path: &Path, text: &str) -> Vec<String> {
    let name = path.display();
    let mut faults = Vec::new();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let lines = text.lines().count();
    if ["rs", "py", "sh"].contains(&extension) && lines > MAX_LINES {
        faults.push(format!("{name}: {lines} lines; at most {MAX_LINES} are allowed"));
    }
    if extension == "rs" {
        if !text.trim_start().starts_with("//!") {
            faults.push(format!("{name}: does not begin with module docs (//!)"));
        }
        let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
        let may_be_unsafe = UNSAFE_CRATES.iter().any(|folder| path.starts_with(folder));
        let attribute = match path.starts_with("crates/dac-model") {
            // One module of it maps files into memory.
            true => "#![deny(unsafe_code)]",
            false => "#![forbid(unsafe_code)]",
        };
        if is_root && !may_be_unsafe && !text.contains(&format!("\n{attribute}\n")) {
            faults.push(format!("{name}: lacks {attribute}"));
        }
    }
    // Cargo writes the registry's address into its lock files.
    let words_allowed = path.ends_with("Cargo.lock");
    for (line, number) in text.lines().zip(1..) {
        let columns = line.chars().count();
        if extension == "rs" && columns > MAX_COLUMNS {
            faults.push(format!("{name}:{number}: {columns} columns; at most {MAX_COLUMNS} are allowed"));
        }
        if let Some(word) = forbidden_word(line).filter(|_| !words_allowed) {
            faults.push(format!("{name}:{number}: contains {word}"));
        }
    }
    faults
}

fn forbidden_word(line: &str) -> Option<&'static str> {
    let host = REGISTRY_HOSTS.into_iter().find(|host| line.contains(host));
    // Only at the beginning of a path.
    let continues_path = |c: char| c.is_alphanumeric() || "_-.~/}>)*".contains(c);
    let folder = MACHINE_FOLDERS
        .into_iter()
        .find(|folder| line.match_indices(folder).any(|(index, _)| !line[..index].ends_with(continues_path)));
    host.or(folder)
}
