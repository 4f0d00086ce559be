//! `cargo xtask web`: builds the npm package and the page, serves the page, and tests both in Chromium.

mod build;
mod serve;

use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context, Error};

use crate::binary::Binary;
use crate::process::{command, root, run as run_command, target_dir};

/// Directory of the crate, relative to the root.
const CRATE: &str = "crates/dac-web";
/// Recording that the tests encode.
const RECORDING: &str = "fixtures/audio/librivox_austen.wav";

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Serve the page until interrupted.
    #[arg(long)]
    serve: bool,
    /// Port of the server.
    #[arg(long, default_value_t = 8030)]
    port: u16,
    /// Test the package and the page in Chromium.
    #[arg(long)]
    test: bool,
    /// Measure encoding and decoding in Chromium and compare with onnxruntime-web.
    #[arg(long)]
    bench: bool,
    /// Use the last build.
    #[arg(long)]
    no_build: bool,
    /// Program with whose codes the tests compare [default: build it].
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Runs the task.
pub fn run(args: &Args) -> Result<(), Error> {
    let site = target_dir().join("web/site");
    if !args.no_build {
        build::install_programs()?;
        build::package_and_site()?;
    }
    if args.test {
        // A test that fails or hangs must not keep node from ending.
        let arguments = ["--test", "--test-force-exit", "--test-timeout=1200000", "tests/"];
        run_scripts(&arguments, &site, args.binary.as_deref())?;
    }
    if args.bench {
        run_scripts(&["tests/bench/speed.mjs"], &site, args.binary.as_deref())?;
    }
    if args.serve {
        let listener = TcpListener::bind(("127.0.0.1", args.port));
        let listener = listener.with_context(|| format!("cannot serve on port {}", args.port))?;
        println!("http://{}/ (end with Ctrl-C)", listener.local_addr()?);
        serve::serve(&listener, &site);
    }
    Ok(())
}

/// Runs node with these arguments in the crate's directory, while the page is served.
fn run_scripts(
    arguments: &[&str],
    site: &std::path::Path,
    binary: Option<&std::path::Path>,
) -> Result<(), Error> {
    let binary = Binary::find_or_build(binary, &[])?;
    let folder = target_dir().join("web/test");
    std::fs::create_dir_all(&folder)?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let site = site.to_owned();
    std::thread::spawn(move || serve::serve(&listener, &site));
    let mut node = command("node");
    node.current_dir(root().join(CRATE)).args(arguments);
    node.env("DAC_SITE", format!("http://localhost:{}/", address.port()));
    node.env("DAC_BINARY", binary.path()).env("DAC_RECORDING", root().join(RECORDING));
    node.env("DAC_TEST_DIR", &folder).env("DAC_PACKAGE", target_dir().join("web/dac-web"));
    run_command(&mut node)
}
