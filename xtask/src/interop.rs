//! `cargo xtask interop`: reads our files with other software.
//!
//! Python libraries read the token files of dac-tokens and the data sets of dac-dataset value by value, the
//! Kubernetes client checks the Job of the docs, and optionally the reference implementation decodes `.dac`
//! files.

use std::path::{Path, PathBuf};

use anyhow::{Error, ensure};

use crate::process::{cargo, command, root, run as run_command, target_dir};
use crate::python;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Python that can import torch; also used to create virtual environments.
    #[arg(long, default_value = "/usr/bin/python3")]
    python: PathBuf,
    /// Also decode .dac files, with a Python that can import the reference (fixtures/python/setup.sh).
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Also compare layouts with the functions of transformers and Parler-TTS (100 MB).
    #[arg(long)]
    transformers: bool,
}

/// Runs the task; fails if a library reads other values than were written.
pub fn run(args: &Args) -> Result<(), Error> {
    let folder = target_dir().join("interop");
    run_example("dac-tokens", "write_tokens", &folder)?;
    let numpy =
        |folder, version| python::environment(folder, &args.python, &[version, "safetensors==0.4.5"], &[]);
    let (numpy1, numpy2) = (numpy("python-numpy1", "numpy==1.26.4")?, numpy("python-numpy2", "numpy>=2,<3")?);
    let mut failed = Vec::new();
    for (name, required, python) in [
        ("numpy 1.26", "numpy,safetensors", &numpy1),
        ("numpy 2", "numpy,safetensors", &numpy2),
        ("torch", "torch", &args.python),
    ] {
        println!("-- {name}");
        let mut check = python::script(python, "fixtures/python/check_tokens.py");
        if let Err(error) = run_command(check.arg(&folder).args(["--require", required])) {
            eprintln!("{error:#}");
            failed.push(name);
        }
    }
    ensure!(failed.is_empty(), "token files are read incorrectly by {}", failed.join(", "));
    println!("numpy 1.26, numpy 2, torch, safetensors and plain Python read the token files as written");
    check_data_sets(&args.python)?;
    if args.transformers {
        check_layouts(&args.python)?;
    }
    let client = python::environment("python-kubernetes", &args.python, &["kubernetes==37.0.2"], &[])?;
    let job = root().join("docs/user/scaling/job.yaml");
    run_command(python::script(client, "fixtures/python/check_kubernetes.py").arg(job))?;
    if let Some(reference) = &args.reference {
        let folder = target_dir().join("interop-reference");
        // The whole workspace, so that the features and therefore the builds are those of the tests.
        run_command(cargo().args(["build", "--quiet", "--workspace", "--example", "write_windowed"]))?;
        run_command(command(target_dir().join("debug/examples/write_windowed")).arg(&folder))?;
        run_command(python::script(reference, "fixtures/python/check_descript.py").arg(&folder))?;
        println!("the reference implementation decodes all .dac files as we do");
    }
    Ok(())
}

/// Reads data sets of tokens with the libraries that training code uses.
fn check_data_sets(base: &Path) -> Result<(), Error> {
    let folder = target_dir().join("interop-packs");
    let packages = ["webdataset==1.0.2", "pyarrow==26.0.1", "numpy>=2,<3", "safetensors==0.4.5"];
    let python = python::environment("python-packs", base, &packages, &[])?;
    run_example("dac-dataset", "write_packs", &folder)?;
    run_command(python::script(python, "fixtures/python/check_packs.py").arg(&folder))?;
    println!("webdataset, pyarrow and Python's tarfile read the data sets as written");
    let packages = [
        "datasets==5.2.0",
        "webdataset==1.0.2",
        "pyarrow==26.0.1",
        "soundfile==0.13.1",
        "polars>=1,<2",
        "duckdb>=1,<2",
        "numpy>=2,<3",
    ];
    let python = python::environment("python-data-sets", base, &packages, &[])?;
    // With an example, so that the features and therefore the builds are those of the tests.
    run_command(cargo().args([
        "build",
        "--quiet",
        "--workspace",
        "--bin",
        "dac",
        "--example",
        "write_windowed",
    ]))?;
    let folder = target_dir().join("interop-data-sets");
    let program = target_dir().join("debug/dac");
    run_command(python::script(python, "fixtures/python/check_data_sets.py").arg(&program).arg(&folder))?;
    println!("data sets of Python libraries are encoded, and the results load with them");
    // Without their requirements, of which torch is a gigabyte and part of the base.
    let without_dependencies = ["lhotse==1.33.0", "lilcom==1.8.2"];
    let packages = [
        "audioread",
        "click",
        "cytoolz",
        "intervaltree",
        "numpy==1.26.4",
        "packaging",
        "pyyaml",
        "soundfile==0.13.1",
        "tabulate",
        "tqdm",
    ];
    let python = python::environment_on("python-lhotse", base, &packages, &without_dependencies)?;
    let folder = target_dir().join("interop-lhotse");
    run_command(python::script(python, "fixtures/python/check_lhotse.py").arg(&program).arg(&folder))?;
    println!("Lhotse reads the Shar directories as written");
    Ok(())
}

/// Compares layouts for language models with the functions of their own packages.
fn check_layouts(base: &Path) -> Result<(), Error> {
    let program = target_dir().join("debug/dac");
    let folder = target_dir().join("interop-layouts");
    // The last version of transformers that runs on Debian's torch, and the newest one.
    let older = ["transformers==4.48.3", "numpy==1.26.4"];
    let older = python::environment_on("python-layouts", base, &older, &["parler-tts==0.2.3"])?;
    let newest = ["transformers==5.24.0", "numpy==1.26.4"];
    let newest = python::environment_on("python-layouts-newest", base, &newest, &[])?;
    for (python, names) in [(older, ["musicgen", "parler"].as_slice()), (newest, &["dia"])] {
        let mut check = python::script(python, "fixtures/python/check_layouts.py");
        run_command(check.arg(&program).arg(&folder).args(names))?;
    }
    println!("layouts equal those of MusicGen, Parler-TTS and Dia");
    Ok(())
}

fn run_example(package: &str, example: &str, folder: &Path) -> Result<(), Error> {
    run_command(cargo().args(["run", "--quiet", "-p", package, "--example", example, "--"]).arg(folder))
}
