//! `cargo xtask interop`: reads our files with other software.
//!
//! Python libraries read the token files of dac-tokens and the data sets of dac-dataset value by value, the
//! Kubernetes client checks the Job of the docs, and optionally the reference implementation decodes `.dac`
//! files.

use std::path::{Path, PathBuf};

use anyhow::{Error, bail};

use crate::process::{cargo, command, root, run as run_command, target_dir};
use crate::python;

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Python that can import torch; also used to create virtual environments.
    #[arg(long, default_value = "/usr/bin/python3")]
    python: PathBuf,
    /// Also decode .dac files, with a Python that can import the reference (fixtures/python/setup.sh).
    #[arg(long)]
    reference: Option<PathBuf>,
}

/// A Python environment that reads the token files.
struct Reader {
    name: &'static str,
    /// Packages that must be importable.
    required: &'static str,
    python: PathBuf,
}

/// Runs the task; fails if a library reads other values than were written.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let folder = target_dir().join("interop");
    run_command(
        cargo().args(["run", "--quiet", "-p", "dac-tokens", "--example", "write_tokens", "--"]).arg(&folder),
    )?;
    let numpy =
        |folder, version| python::environment(folder, &args.python, &[version, "safetensors==0.4.5"], &[]);
    let (numpy1, numpy2) = (numpy("python-numpy1", "numpy==1.26.4")?, numpy("python-numpy2", "numpy>=2,<3")?);
    let readers = [
        Reader { name: "numpy 1.26", required: "numpy,safetensors", python: numpy1 },
        Reader { name: "numpy 2", required: "numpy,safetensors", python: numpy2 },
        Reader { name: "torch", required: "torch", python: args.python.clone() },
    ];
    let failed: Vec<&str> = readers.iter().filter(|r| !reads_tokens(r, &folder)).map(|r| r.name).collect();
    if !failed.is_empty() {
        bail!("token files are read incorrectly by {}", failed.join(", "));
    }
    println!("numpy 1.26, numpy 2, torch, safetensors and plain Python read the token files as written");
    check_data_sets(&args.python)?;
    let client = python::environment("python-kubernetes", &args.python, &["kubernetes==37.0.2"], &[])?;
    let job = root().join("docs/user/scaling/job.yaml");
    run_command(command(client).arg(python::scripts().join("check_kubernetes.py")).arg(job))?;
    if let Some(reference) = &args.reference {
        let folder = target_dir().join("interop-reference");
        // The whole workspace, so that the features and therefore the builds are those of the tests.
        run_command(cargo().args(["build", "--quiet", "--workspace", "--example", "write_windowed"]))?;
        run_command(command(target_dir().join("debug/examples/write_windowed")).arg(&folder))?;
        run_command(command(reference).arg(python::scripts().join("check_descript.py")).arg(&folder))?;
        println!("the reference implementation decodes all .dac files as we do");
    }
    Ok(())
}

/// Reads data sets of tokens with the libraries that training code uses.
fn check_data_sets(base: &Path) -> Result<(), Error> {
    let folder = target_dir().join("interop-packs");
    let packages = ["webdataset==1.0.2", "pyarrow==26.0.1", "numpy>=2,<3", "safetensors==0.4.5"];
    let python = python::environment("python-packs", base, &packages, &[])?;
    run_command(
        cargo().args(["run", "--quiet", "-p", "dac-dataset", "--example", "write_packs", "--"]).arg(&folder),
    )?;
    run_command(command(&python).arg(python::scripts().join("check_packs.py")).arg(&folder))?;
    println!("webdataset, pyarrow and Python's tarfile read the data sets as written");
    Ok(())
}

fn reads_tokens(reader: &Reader, folder: &Path) -> bool {
    println!("-- {}", reader.name);
    let mut check = command(&reader.python);
    check.arg(python::scripts().join("check_tokens.py")).arg(folder).args(["--require", reader.required]);
    match run_command(&mut check) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("{error:#}");
            false
        }
    }
}
