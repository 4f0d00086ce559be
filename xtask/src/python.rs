//! Python environments, created once below the build directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Error;

use crate::process::{command, root, run, succeeds, target_dir};

/// Returns a command that runs a script, whose path is relative to the root.
pub fn script(python: impl AsRef<OsStr>, path: &str) -> Command {
    let mut script = command(python);
    script.arg(root().join(path));
    script
}

/// Returns a Python that can import the reference implementation: `python`, or the one of the environment
/// that `fixtures/python/setup.sh` creates.
pub fn with_reference(python: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(python) = python {
        return Ok(python.to_owned());
    }
    let folder = target_dir().join("python");
    let python = folder.join("bin/python");
    let mut import = command(&python);
    import.args(["-c", "import reference"]).env("PYTHONPATH", root().join("fixtures/python"));
    if !succeeds(&mut import) {
        run(script("sh", "fixtures/python/setup.sh").arg(&folder))?;
    }
    Ok(python)
}

/// Returns the Python of the virtual environment `target/NAME`, which is created again if `packages` change.
/// `without_dependencies` are packages whose own requirements are not installed.
pub fn environment(
    name: &str,
    base: &Path,
    packages: &[&str],
    without_dependencies: &[&str],
) -> Result<PathBuf, Error> {
    create(name, base, packages, without_dependencies, false)
}

/// Returns the Python of a virtual environment as [`environment`] does, which can also import the packages of
/// `base`, such as torch.
pub fn environment_on(
    name: &str,
    base: &Path,
    packages: &[&str],
    without_dependencies: &[&str],
) -> Result<PathBuf, Error> {
    create(name, base, packages, without_dependencies, true)
}

fn create(
    name: &str,
    base: &Path,
    packages: &[&str],
    without_dependencies: &[&str],
    extends_base: bool,
) -> Result<PathBuf, Error> {
    let folder = target_dir().join(name);
    let python = folder.join("bin/python");
    let stamp = folder.join("packages.txt");
    let contents = format!("{} {} {}\n", base.display(), packages.join(" "), without_dependencies.join(" "));
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|text| text == contents) {
        return Ok(python);
    }
    let mut venv = command(base);
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    if extends_base {
        venv.arg("--system-site-packages");
    }
    run(&mut venv)?;
    let install = || {
        let mut pip = command(&python);
        pip.args(["-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-compile"]);
        pip
    };
    run(install().args(packages))?;
    if !without_dependencies.is_empty() {
        run(install().arg("--no-deps").args(without_dependencies))?;
    }
    std::fs::write(stamp, contents)?;
    Ok(python)
}
