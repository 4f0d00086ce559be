//! Running of programs.

use std::time::Duration;

use xtask::process::{cargo, command, command_line, root, run, run_with_timeout, stdout_of};

#[test]
fn command_line_contains_variables_and_relative_paths() {
    let mut command = command("cargo");
    command.args(["run", "a b"]).arg(root().join("docs/x.md")).env("THREADS", "1");
    assert_eq!(command_line(&command), "THREADS=1 cargo run 'a b' docs/x.md");
}

#[test]
fn cargo_does_not_inherit_variables_about_xtask() {
    let cargo = cargo();
    let removed: Vec<_> =
        cargo.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
    assert!(["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"].iter().all(|name| removed.contains(&name.as_ref())));
    assert!(!command_line(&cargo).contains("CARGO_PKG"));
}

#[test]
fn errors_contain_the_command() {
    let error = run(command("false").arg("now")).unwrap_err();
    assert!(format!("{error:#}").contains("false now"), "{error:#}");
    assert!(stdout_of(&mut command("no-such-program-here")).is_err());
    assert_eq!(stdout_of(command("echo").arg("text")).unwrap(), "text\n");
}

#[test]
fn commands_are_killed_after_the_timeout() {
    let long = Duration::from_secs(60);
    assert_eq!(run_with_timeout(command("echo").arg("text"), long).unwrap(), "text\n");
    assert!(run_with_timeout(&mut command("false"), long).is_err());
    let error = run_with_timeout(command("sleep").arg("60"), Duration::from_millis(50)).unwrap_err();
    assert!(error.to_string().contains("sleep 60"), "{error}");
}
