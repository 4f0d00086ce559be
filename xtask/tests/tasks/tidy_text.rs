//! Rules on the text of a file.

use std::path::Path;

use xtask::tidy::text::{MACHINE_FOLDERS, REGISTRY_HOSTS, faults};

fn count(path: &str, text: &str) -> usize {
    faults(Path::new(path), text).len()
}

#[test]
fn rust_files_must_begin_with_docs() {
    assert_eq!(count("a.rs", "//! Docs.\nfn main() {}"), 0);
    assert_eq!(count("a.rs", "\n  //! Docs."), 0);
    assert_eq!(count("a.rs", "use std::fs;\n//! Docs."), 1);
    assert_eq!(count("a.rs", ""), 1);
}

#[test]
fn long_files_and_lines_are_faults() {
    assert_eq!(count("a.py", &"x\n".repeat(500)), 0);
    assert_eq!(count("a.py", &"x\n".repeat(501)), 1);
    assert_eq!(count("a.md", &"x\n".repeat(501)), 0);
    assert_eq!(count("a.rs", &format!("//! {}", "é".repeat(106))), 0);
    assert_eq!(count("a.rs", &format!("//! {}", "é".repeat(107))), 1);
}

#[test]
fn only_a_few_crates_may_contain_unsafe_code() {
    assert_eq!(count("crates/dac/src/lib.rs", "//! Docs.\n"), 1);
    assert_eq!(count("crates/dac/src/lib.rs", "//! Docs.\n\n#![forbid(unsafe_code)]\n"), 0);
    assert_eq!(count("crates/dac-kernels/src/lib.rs", "//! Docs.\n"), 0);
    assert_eq!(count("crates/dac-capi/src/lib.rs", "//! Docs.\n"), 0);
    assert_eq!(count("crates/dac-model/src/lib.rs", "//! Docs.\n\n#![deny(unsafe_code)]\n"), 0);
    assert_eq!(count("crates/dac-model/src/lib.rs", "//! Docs.\n"), 1);
    assert_eq!(count("crates/dac/src/model.rs", "//! Docs.\n"), 0);
}

#[test]
fn registry_hosts_and_machine_folders_are_faults() {
    let source = format!("a\nsource = \"https://{}/x\"\n", REGISTRY_HOSTS[0]);
    assert_eq!(count("docs/a.md", &source), 1);
    assert_eq!(count("fixtures/consumer/Cargo.lock", &source), 0);
    assert_eq!(count("a.sh", &format!("cd {}main", MACHINE_FOLDERS[1])), 1);
    assert_eq!(count("a.sh", &format!("cd target{}main", MACHINE_FOLDERS[1])), 0);
}
