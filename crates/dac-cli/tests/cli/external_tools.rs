//! Tests that need external tools are skipped where these are missing.

/// Returns `found` and reports a missing tool. `DAC_REQUIRE` lists tools that must be present, separated by
/// commas.
///
/// # Panics
/// When a required tool is missing.
#[allow(clippy::print_stderr, reason = "skipped tests are reported")]
pub(crate) fn is_available(tool: &str, found: bool) -> bool {
    let required =
        std::env::var("DAC_REQUIRE").is_ok_and(|list| list.split(',').any(|name| name.trim() == tool));
    assert!(found || !required, "DAC_REQUIRE lists {tool}, which is missing");
    if !found {
        eprintln!("skipped: {tool} is missing");
    }
    found
}

/// Whether PATH contains a program with this name.
#[cfg(target_os = "linux")]
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
