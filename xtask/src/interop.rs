//! `cargo xtask interop`: Python's own libraries read the token files that dac-tokens writes and the packs of dac-dataset, value by
//! value, Kubernetes' client the docs' job, and on demand the reference implementation decodes .dac files.

use std::path::{Path, PathBuf};

use anyhow::{Error, bail};

use crate::process::{cargo, command, root, run as run_command, target};
use crate::python;

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A Python that can import torch, and of which virtual environments are made; by default /usr/bin/python3, where
    /// Debian's python3-torch puts it.
    #[arg(long, default_value = "/usr/bin/python3")]
    python: PathBuf,
    /// A Python that can import the reference implementation (fixtures/python/setup.sh makes one): its own decoder reads the
    /// .dac files of this project too, exact ones and windowed ones, and what comes out is compared.
    #[arg(long)]
    reference: Option<PathBuf>,
}

/// One reader: what must be importable, and where.
struct Reader {
    what: &'static str,
    required: &'static str,
    python: PathBuf,
}

/// Runs the task.
///
/// # Errors
/// When an environment cannot be made, or a library reads anything else than was written.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let folder = target().join("interop");
    run_command(
        cargo().args(["run", "--quiet", "-p", "dac-tokens", "--example", "write_tokens", "--"]).arg(&folder),
    )?;
    let numpy = |name, version| python::environment(name, &args.python, &[version, "safetensors==0.4.5"]);
    let readers = [
        Reader {
            what: "numpy 1.26",
            required: "numpy,safetensors",
            python: numpy("python-numpy1", "numpy==1.26.4")?,
        },
        Reader {
            what: "numpy 2",
            required: "numpy,safetensors",
            python: numpy("python-numpy2", "numpy>=2,<3")?,
        },
        Reader { what: "torch", required: "torch", python: args.python.clone() },
    ];
    let failed: Vec<&str> = readers.iter().filter(|r| !reads(r, &folder)).map(|r| r.what).collect();
    if !failed.is_empty() {
        bail!("not read as written by {}", failed.join(", "));
    }
    println!(
        "every format is read as it was written by numpy 1.26, numpy 2, torch, safetensors and plain Python"
    );
    packs(&args.python)?;
    let client = python::environment("python-kubernetes", &args.python, &["kubernetes==37.0.2"])?;
    let job = root().join("docs/scaling/job.yaml");
    run_command(command(client).arg(python::scripts().join("check_kubernetes.py")).arg(job))?;
    if let Some(reference) = &args.reference {
        let folder = target().join("interop-reference");
        // The workspace's own selection of features: the tests' builds serve here too.
        run_command(cargo().args(["build", "--quiet", "--workspace", "--example", "write_windowed"]))?;
        run_command(command(target().join("debug/examples/write_windowed")).arg(&folder))?;
        run_command(command(reference).arg(python::scripts().join("check_descript.py")).arg(&folder))?;
        println!("the reference decodes every .dac file as we do");
    }
    Ok(())
}

/// Data sets of tokens, read by what training code reads them with.
fn packs(base: &Path) -> Result<(), Error> {
    let folder = target().join("interop-packs");
    let packages = ["webdataset==1.0.2", "pyarrow==26.0.1", "numpy>=2,<3", "safetensors==0.4.5"];
    let python = python::environment("python-packs", base, &packages)?;
    run_command(
        cargo().args(["run", "--quiet", "-p", "dac-dataset", "--example", "write_packs", "--"]).arg(&folder),
    )?;
    run_command(command(&python).arg(python::scripts().join("check_packs.py")).arg(&folder))?;
    println!("every pack is read as it was written by webdataset, pyarrow and Python's tarfile");
    Ok(())
}

fn reads(reader: &Reader, folder: &Path) -> bool {
    println!("-- {}", reader.what);
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
