//! Python environments, made once under the build folder and used again.

use std::path::{Path, PathBuf};

use anyhow::Error;

use crate::process::{command, root, run, succeeds, target};

/// The folder of the scripts that make fixtures.
pub(crate) fn scripts() -> PathBuf {
    root().join("fixtures").join("python")
}

/// The interpreter of the environment in which the reference implementation runs: `asked`, or the one that
/// `fixtures/python/setup.sh` makes.
///
/// # Errors
/// When the environment cannot be made.
pub(crate) fn reference(asked: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(python) = asked {
        return Ok(python.to_owned());
    }
    let folder = target().join("python");
    let python = folder.join("bin").join("python");
    let ready = python.exists()
        && succeeds(command(&python).args(["-c", "import reference"]).env("PYTHONPATH", scripts()));
    if !ready {
        run(command("sh").arg(scripts().join("setup.sh")).arg(&folder))?;
    }
    Ok(python)
}

/// The interpreter of a virtual environment `target/NAME` that holds `packages`; one that was made for others is made anew.
///
/// # Errors
/// When it cannot be made or a package cannot be installed.
pub(crate) fn environment(name: &str, base: &Path, packages: &[&str]) -> Result<PathBuf, Error> {
    environment_with(name, base, packages, &[])
}

/// The same with `bare` packages beside, of which nothing that they ask for is installed.
///
/// # Errors
/// As [`environment`].
pub(crate) fn environment_with(
    name: &str,
    base: &Path,
    packages: &[&str],
    bare: &[&str],
) -> Result<PathBuf, Error> {
    let folder = target().join(name);
    let python = folder.join("bin").join("python");
    let stamp = folder.join("packages.txt");
    let wanted = format!("{} {} {}\n", base.display(), packages.join(" "), bare.join(" "));
    if std::fs::read_to_string(&stamp).is_ok_and(|held| held == wanted) && python.exists() {
        return Ok(python);
    }
    run(command(base).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let install = || {
        let mut pip = command(&python);
        pip.args(["-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-compile"]);
        pip
    };
    run(install().args(packages))?;
    if !bare.is_empty() {
        run(install().arg("--no-deps").args(bare))?;
    }
    std::fs::write(stamp, wanted)?;
    Ok(python)
}
