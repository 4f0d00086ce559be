//! Running programs; errors contain the command line.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, bail, ensure};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Build directory: `CARGO_TARGET_DIR` or `target`.
pub fn target_dir() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Returns a command that runs in the workspace's root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Returns the cargo that runs this task.
///
/// The variables that describe xtask are removed. Build scripts that watch them would otherwise run again,
/// and rebuild what depends on them, although a shell has built the same before.
pub fn cargo() -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

pub fn rustc() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// Prints and runs a command, which inherits the output streams.
pub fn run(command: &mut Command) -> Result<(), Error> {
    let line = command_line(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("cannot run {line}"))?;
    ensure!(status.success(), "{status}: {line}");
    Ok(())
}

/// Runs a command and returns its standard output.
pub fn stdout_of(command: &mut Command) -> Result<String, Error> {
    let line = command_line(command);
    let output = command.stderr(Stdio::inherit()).output();
    successful_output(output.with_context(|| format!("cannot run {line}"))?, &line)
}

fn successful_output(output: Output, line: &str) -> Result<String, Error> {
    ensure!(output.status.success(), "{}: {line}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("output is not UTF-8: {line}"))
}

/// Prints and runs a command with little output and returns its standard output. Kills it after `limit`.
pub fn run_with_timeout(command: &mut Command, limit: Duration) -> Result<String, Error> {
    let line = command_line(command);
    eprintln!("$ {line}");
    // The pipe is read after the end and holds some 64 KiB: a command with more output times out.
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot run {line}"))?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("timeout after {} s: {line}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    successful_output(child.wait_with_output()?, &line)
}

/// Runs a command without output and returns whether it succeeds.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Formats a command as typed in the workspace's root, including its environment variables.
pub fn command_line(command: &Command) -> String {
    let root = format!("{}/", root().display());
    let quoted = |text: &OsStr| {
        let text = text.to_string_lossy().replace(&root, "");
        if text.is_empty() || text.contains(' ') { format!("'{text}'") } else { text }
    };
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}
