//! Tests with tools that not every machine has.

/// Whether a test that needs `tool` can run; `found` is what it is known by. A machine without it skips the test, unless the
/// variable `DAC_REQUIRE` (names separated by commas) says that this one has it.
///
/// # Panics
/// When a required tool is not there.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn needs(tool: &str, found: bool) -> bool {
    let required =
        std::env::var("DAC_REQUIRE").is_ok_and(|list| list.split(',').any(|name| name.trim() == tool));
    assert!(found || !required, "DAC_REQUIRE names {tool}, which is not there");
    if !found {
        eprintln!("skipped: {tool} is not there");
    }
    found
}

/// Whether a program of this name stands in a folder of PATH.
#[cfg(target_os = "linux")]
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
