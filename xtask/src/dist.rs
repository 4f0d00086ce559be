//! `cargo xtask dist`: builds the single-file binary that is shipped, with its checksum.
//!
//! It is the stripped release binary with default features, linked with everything it needs. `--check` runs
//! it in an empty root directory.

pub mod empty_root;

use anyhow::{Context, Error};
use sha2::{Digest, Sha256};

use crate::binary::Binary;
use crate::process::{command, run as run_command, rustc, stdout_of, target_dir};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Encode, decode and resolve a host name in an empty root directory, and compare with a run outside.
    #[arg(long)]
    check: bool,
    /// Use a development build, which shares its dependencies with the tests.
    #[arg(long)]
    dev: bool,
}

pub fn run(args: &Args) -> Result<(), Error> {
    let built = Binary::build_shipped(if args.dev { "dev" } else { "release" })?;
    let folder = target_dir().join("dist");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let name =
        format!("dac-{}-{}{}", env!("CARGO_PKG_VERSION"), host_triple()?, std::env::consts::EXE_SUFFIX);
    let (file, sums) = (folder.join(&name), folder.join(format!("{name}.sha256")));
    // Includes the permissions.
    std::fs::copy(built.path(), &file).with_context(|| file.display().to_string())?;
    let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
    std::fs::write(&sums, sums_line(&bytes, &name)).with_context(|| sums.display().to_string())?;
    println!("{}: {:.1} MB, checksum in {}", file.display(), bytes.len() as f64 / 1e6, sums.display());
    if args.check {
        let mut verify = command("sha256sum");
        run_command(verify.current_dir(&folder).args(["--check", "--strict"]).arg(format!("{name}.sha256")))?;
        empty_root::check(&file, &folder.join("root"))?;
    }
    Ok(())
}

/// Returns the compiler's host, such as `x86_64-unknown-linux-gnu`.
pub fn host_triple() -> Result<String, Error> {
    Ok(stdout_of(command(rustc()).args(["--print", "host-tuple"]))?.trim().to_owned())
}

/// Formats a line like `sha256sum`.
pub fn sums_line(bytes: &[u8], name: &str) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}  {name}\n")
}
