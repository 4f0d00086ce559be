//! `cargo xtask wheel`: builds the Python wheel, checks it, and tests it as users install it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, bail};

use crate::process::{command, root, run as run_command, stdout_of, target_dir};
use crate::python;

/// Programs that build and check the wheel.
const TOOLS: [&str; 5] =
    ["maturin==1.16.0", "twine==7.0.0", "abi3audit==0.0.26", "mypy==2.4.1", "pyright==1.1.414"];
/// What tests need in addition to the wheel.
const TEST_PACKAGES: [&str; 2] = ["pytest==9.2.0", "hypothesis==6.170.17"];
/// The original packages in their newest versions, with PyPI's torch, and what the tests need.
const NEWEST: [&str; 16] = [
    "torch",
    "torchaudio",
    "transformers",
    "datasets",
    "numpy",
    "scipy",
    "einops",
    "soundfile",
    "julius",
    "tqdm",
    "flatten-dict",
    "future",
    "importlib-resources",
    "hypothesis==6.170.17",
    "pytest==9.2.0",
    "safetensors",
];
/// The reference and its packages, whose own requirements exclude newer ones.
const REFERENCE: [&str; 5] = [
    "descript-audio-codec==1.0.0",
    "descript-audiotools==0.7.2",
    "pyloudnorm==0.1.1",
    "argbind==0.3.9",
    "docstring-parser",
];
/// Tests that need the original packages.
const ORACLE_TESTS: &str = "oracle or torch or tensors or loader or datasets";
/// Packages that the wheel may bring into an empty environment.
const INSTALLED: [&str; 3] = ["dac-rs", "numpy", "pip"];
/// Directory of the crate, relative to the root.
const CRATE: &str = "crates/dac-python";

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Python that creates the virtual environments.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Build in the dev profile: faster to build, slower to run.
    #[arg(long)]
    debug: bool,
    /// Test this wheel instead of building one.
    #[arg(long)]
    wheel: Option<PathBuf>,
    /// Also compare with the original packages, in the environment that fixtures/python/setup.sh creates.
    #[arg(long)]
    oracle: bool,
    /// Also compare with the newest versions of the original packages and PyPI's torch (5 GB).
    #[arg(long)]
    newest: bool,
    /// Also test the adapter for Ray Data on a local cluster.
    #[arg(long)]
    ray: bool,
    /// Duration of each fuzz test, in seconds.
    #[arg(long, default_value_t = 2.0)]
    fuzz_seconds: f64,
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let tools = python::environment("python-wheel-tools", &args.python, &TOOLS, &[])?;
    let wheel = match &args.wheel {
        Some(wheel) => std::path::absolute(wheel)?,
        None => build(&tools, args.debug)?,
    };
    let bytes = std::fs::metadata(&wheel).with_context(|| wheel.display().to_string())?.len();
    println!("{}: {:.1} MB", wheel.display(), bytes as f64 / 1e6);
    run_command(command(&tools).args(["-m", "twine", "check", "--strict"]).arg(&wheel))?;
    run_command(command(program(&tools, "abi3audit")).arg("--strict").arg(&wheel))?;
    let python = install_alone(&args.python, &wheel)?;
    check_types(&tools, &python)?;
    for example in examples()? {
        run_command(
            command(&python).arg("-W").arg("ignore").arg(example).env("DAC_PYTHON_EXAMPLES", root()),
        )?;
    }
    pip(&python, &TEST_PACKAGES)?;
    run_command(&mut pytest(&python, args))?;
    if args.ray {
        let packages = ["ray[data]==2.60.0", TEST_PACKAGES[0]];
        let python = python::environment("python-ray", &args.python, &packages, &[])?;
        install(&python, &wheel)?;
        let mut tests = pytest(&python, args);
        run_command(tests.env("DAC_PYTHON_REQUIRE", "ray,pyarrow").args(["-k", "ray"]))?;
    }
    if args.oracle {
        let folder = target_dir().join("python-oracle");
        let mut setup = python::script("sh", "fixtures/python/setup.sh");
        run_command(setup.arg(&folder).arg("--transformers"))?;
        let python = folder.join("bin/python");
        // The versions of the reference's environment stay; newer ones do not run with Debian's torch.
        pip(&python, &[TEST_PACKAGES[0], "datasets==3.6.0", "numpy==1.26.4", "pandas<3", "pyarrow<20"])?;
        install(&python, &wheel)?;
        compare_with_originals(&python, args)?;
    }
    if args.newest {
        let python = python::environment("python-newest", &args.python, &NEWEST, &REFERENCE)?;
        install(&python, &wheel)?;
        compare_with_originals(&python, args)?;
    }
    Ok(())
}

/// Runs the tests that need the original packages, which `python` can import.
fn compare_with_originals(python: &Path, args: &Args) -> Result<(), Error> {
    let mut tests = pytest(python, args);
    tests.env("DAC_PYTHON_REQUIRE", "torch,transformers,reference,datasets").args(["-k", ORACLE_TESTS]);
    run_command(&mut tests)
}

/// Builds the wheel and returns its path.
fn build(tools: &Path, debug: bool) -> Result<PathBuf, Error> {
    let folder = target_dir().join("wheels");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let mut maturin = command(program(tools, "maturin"));
    maturin.args(["build", "--locked", "--profile", if debug { "dev" } else { "release" }]);
    maturin.arg("--manifest-path").arg(root().join(CRATE).join("Cargo.toml"));
    // Older systems than this one are built for in the public workflow.
    maturin.args(["--auditwheel", "skip", "--compatibility", "linux"]).arg("--out").arg(&folder);
    maturin.arg("--target-dir").arg(target_dir());
    run_command(&mut maturin)?;
    let mut files = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let file = files.next().context("maturin built no wheel")??;
    Ok(file.path())
}

/// Installs the wheel into an empty environment, and checks that it brings only numpy.
fn install_alone(base: &Path, wheel: &Path) -> Result<PathBuf, Error> {
    let folder = target_dir().join("python-wheel");
    run_command(command(base).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let python = folder.join("bin/python");
    install(&python, wheel)?;
    let listed = stdout_of(command(&python).args(["-m", "pip", "list", "--format=freeze"]))?;
    let foreign = foreign_packages(&listed);
    if !foreign.is_empty() {
        bail!("the wheel depends on more than numpy: {}", foreign.join(", "));
    }
    Ok(python)
}

/// Names in a list of `NAME==VERSION` that are not expected next to the wheel.
fn foreign_packages(listed: &str) -> Vec<&str> {
    let names = listed.lines().filter_map(|line| line.split("==").next());
    names.filter(|name| !INSTALLED.contains(name) && *name != "setuptools").collect()
}

fn install(python: &Path, wheel: &Path) -> Result<(), Error> {
    let wheel = wheel.display().to_string();
    pip(python, &["--force-reinstall", "--no-deps", &wheel])?;
    pip(python, &[&wheel])
}

fn pip(python: &Path, arguments: &[&str]) -> Result<(), Error> {
    let mut pip = command(python);
    pip.args(["-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-compile"]);
    run_command(pip.args(arguments))
}

/// Checks the types of the package and the examples.
fn check_types(tools: &Path, python: &Path) -> Result<(), Error> {
    let mut mypy = command(tools);
    mypy.args(["-m", "mypy", "--python-executable"]).arg(python);
    run_command(mypy.current_dir(root().join(CRATE)))?;
    let mut pyright = command(program(tools, "pyright"));
    run_command(pyright.arg("--pythonpath").arg(python).current_dir(root().join(CRATE)))
}

fn examples() -> Result<Vec<PathBuf>, Error> {
    let folder = root().join(CRATE).join("examples");
    let files = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut files = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>, Error>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "py"));
    files.sort();
    Ok(files)
}

/// The tests, run outside the crate's directory, where Python would find the package without its extension.
fn pytest(python: &Path, args: &Args) -> std::process::Command {
    let mut pytest = command(python);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5"]);
    pytest.arg("-c").arg(root().join(CRATE).join("pyproject.toml"));
    pytest.arg(root().join(CRATE).join("tests"));
    pytest.env("DAC_PYTHON_FUZZ_SECONDS", args.fuzz_seconds.to_string());
    pytest
}

/// Path of a program of the same environment as a Python.
fn program(python: &Path, name: &str) -> PathBuf {
    python.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_other_than_numpy_are_foreign() {
        assert_eq!(foreign_packages("dac-rs==0.1.0\nnumpy==2.4.6\npip==26.0\nsetuptools==65\n"), [""; 0]);
        assert_eq!(foreign_packages("numpy==2.4.6\ntorch==2.9.0\n"), ["torch"]);
    }
}
