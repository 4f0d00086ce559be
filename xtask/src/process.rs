//! Running programs: every command is shown before it runs, and a failure names it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, bail};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The build folder, `CARGO_TARGET_DIR` respected.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A command that runs in the workspace's root.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The cargo that runs this task, without the variables by which it describes xtask: build scripts that watch them would run
/// again, and what depends on them be built again, whenever a task builds what a shell built before.
pub(crate) fn cargo() -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs a command to its end, its output passed on.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    eprintln!("$ {}", shown(command));
    let status = command.status().with_context(|| format!("cannot run {}", shown(command)))?;
    if !status.success() {
        bail!("{status}: {}", shown(command));
    }
    Ok(())
}

/// Runs a command and gives its standard output; standard error is passed on.
///
/// # Errors
/// When it cannot be started, fails, or writes no UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", shown(command)))?;
    if !output.status.success() {
        bail!("{}: {}", output.status, shown(command));
    }
    String::from_utf8(output.stdout).with_context(|| format!("no text from {}", shown(command)))
}

/// Runs a command that says little, and gives its standard output; one that runs longer than `limit` is ended.
///
/// # Errors
/// When it cannot be started, fails, takes too long, or writes no UTF-8.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<String, Error> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    // Nothing reads the pipe before the end: it holds some 64 KiB, and whoever writes more runs into the limit.
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot run {shown}"))?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("not done after {} s: {shown}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}: {shown}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("no text from {shown}"))
}

/// Whether a command that says nothing succeeds.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A command as one would type it in the workspace's root, with the variables that are set for it.
pub(crate) fn shown(command: &Command) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_they_are_typed() {
        let mut command = command("cargo");
        command.args(["run", "a b"]).arg(root().join("docs/x.md")).env("THREADS", "1");
        assert_eq!(shown(&command), "THREADS=1 cargo run 'a b' docs/x.md");
    }

    #[test]
    fn cargo_is_told_nothing_of_xtask() {
        let cargo = cargo();
        let removed: Vec<_> =
            cargo.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert!(["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"].iter().all(|name| removed.contains(&name.as_ref())));
        assert!(!shown(&cargo).contains("CARGO_PKG"));
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(command("false").arg("now")).unwrap_err();
        assert!(format!("{error:#}").contains("false now"), "{error:#}");
        assert!(output(&mut command("no-such-program-here")).is_err());
        assert_eq!(output(command("echo").arg("text")).unwrap(), "text\n");
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let long = Duration::from_secs(60);
        assert_eq!(run_within(command("echo").arg("text"), long).unwrap(), "text\n");
        assert!(run_within(&mut command("false"), long).is_err());
        let error = run_within(command("sleep").arg("60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("sleep 60"), "{error}");
    }
}
