//! Rules on one file: how it begins, how long it is, which names its code must not have.

use std::path::Path;

use super::code::{has_word, without_comments_and_strings};

/// A file of code is split when it has more.
pub(super) const MAX_LINES: usize = 800;
const LONG_LINES: usize = 500;

/// Folders in which `unsafe` may stand: kernels of an instruction set, launches of GPU kernels.
const UNSAFE_FOLDERS: [&str; 2] = ["crates/dac-kernels/src/isa", "crates/dac-nn/src/cube"];

/// Crates that know neither files nor paths.
const NO_FILES: [&str; 3] = ["crates/dac-nn/src", "crates/dac-rvq/src", "crates/dac-stream/src"];

/// How long a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Length {
    Fine,
    /// To be thought about.
    Long(usize),
    TooLong(usize),
}

/// Judges the length of a file of code; other files may be as long as they like.
pub(super) fn length(path: &Path, text: &str) -> Length {
    let is_code = path.extension().is_some_and(|e| ["rs", "py", "sh"].iter().any(|code| e == *code));
    match text.lines().count() {
        lines if !is_code || lines <= LONG_LINES => Length::Fine,
        lines if lines <= MAX_LINES => Length::Long(lines),
        lines => Length::TooLong(lines),
    }
}

/// Whether the first thing in a Rust file is its documentation.
pub(super) fn begins_with_docs(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.next().is_some_and(|first| first.starts_with("//!"))
}

/// Names that the code of a Rust file must not have, with their lines.
pub(super) fn forbidden(path: &Path, text: &str) -> Vec<(usize, String)> {
    let within = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    let code = without_comments_and_strings(text);
    let mut found = Vec::new();
    for (index, line) in code.lines().enumerate() {
        if has_word(line, "unsafe") && !within(&UNSAFE_FOLDERS) {
            found.push((index + 1, format!("unsafe outside {}", UNSAFE_FOLDERS.join(" and "))));
        }
        for name in ["std::fs", "std::path"] {
            if within(&NO_FILES) && line.contains(name) {
                found.push((index + 1, format!("{name} in a crate that knows no files")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_with_its_docs() {
        assert!(begins_with_docs("//! Docs.\nfn main() {}"));
        assert!(begins_with_docs("\n  //! Docs."));
        assert!(!begins_with_docs("use std::fs;\n//! Docs."));
        assert!(!begins_with_docs("// A comment.\n//! Docs."));
        assert!(!begins_with_docs(""));
    }

    #[test]
    fn lengths() {
        let lines = |count: usize| "x\n".repeat(count);
        let rust = Path::new("crates/a/src/lib.rs");
        assert_eq!(length(rust, &lines(500)), Length::Fine);
        assert_eq!(length(rust, &lines(501)), Length::Long(501));
        assert_eq!(length(rust, &lines(801)), Length::TooLong(801));
        assert_eq!(length(Path::new("Cargo.lock"), &lines(9000)), Length::Fine);
    }

    #[test]
    fn unsafe_code_has_its_folders() {
        let text = "#![deny(unsafe_code)]\n// unsafe\nfn f() { unsafe { g() } }\n";
        let lines = |path: &str| forbidden(Path::new(path), text).iter().map(|f| f.0).collect::<Vec<_>>();
        assert_eq!(lines("crates/dac-audio/src/lib.rs"), [3]);
        assert_eq!(lines("crates/dac-kernels/src/lib.rs"), [3]);
        assert_eq!(lines("crates/dac-kernels/src/isa/avx2.rs"), [0; 0]);
        assert_eq!(lines("crates/dac-nn/src/cube/snake.rs"), [0; 0]);
    }

    #[test]
    fn the_network_knows_no_files() {
        let text = "use std::path::Path;\nfn f() { std::fs::read(\"std::fs\"); }\n";
        let count = |path: &str| forbidden(Path::new(path), text).len();
        assert_eq!(count("crates/dac-nn/src/layer.rs"), 2);
        assert_eq!(count("crates/dac-stream/tests/law.rs"), 0);
        assert_eq!(count("crates/dac-model/src/checkpoint.rs"), 0);
    }
}
