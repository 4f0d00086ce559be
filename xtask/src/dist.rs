//! `cargo xtask dist`: the one file that is shipped, with its checksum.
//!
//! It is the release binary of the default features, linked with everything it needs and stripped. `--check` starts it where
//! there is nothing else: in an empty root folder.

mod empty_root;

use std::path::{Path, PathBuf};

use anyhow::{Context, Error};
use sha2::{Digest, Sha256};

use crate::binary::Binary;
use crate::process::{command, output, run as run_command, target};

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Start it in an empty root folder too: encode, decode, look up a name, and compare with what it does outside.
    #[arg(long)]
    check: bool,
}

/// Runs the task.
///
/// # Errors
/// When the build fails, or with `--check` the binary does anything else in an empty root folder than outside.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let built = Binary::shipped()?;
    let folder = target().join("dist");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let name =
        format!("dac-{}-{}{}", env!("CARGO_PKG_VERSION"), host_triple()?, std::env::consts::EXE_SUFFIX);
    let (file, sums) = (folder.join(&name), folder.join(format!("{name}.sha256")));
    // Permissions go with it.
    std::fs::copy(built.path(), &file).with_context(|| file.display().to_string())?;
    let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
    std::fs::write(&sums, sums_line(&bytes, &name)).with_context(|| sums.display().to_string())?;
    println!("{}: {:.1} MB, its checksum beside it", file.display(), bytes.len() as f64 / 1e6);
    if args.check {
        checksum_is_read(&folder, &sums)?;
        empty_root::check(&file, &folder.join("root"))?;
    }
    Ok(())
}

/// The machine that the compiler builds for by itself.
fn host_triple() -> Result<String, Error> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = output(command(compiler).arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.trim().to_owned())
}

/// A line of the format that `sha256sum` writes and `sha256sum --check` reads.
fn sums_line(bytes: &[u8], name: &str) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}  {name}\n")
}

fn checksum_is_read(folder: &Path, sums: &Path) -> Result<(), Error> {
    let name: PathBuf = sums.file_name().unwrap_or_default().into();
    run_command(command("sha256sum").current_dir(folder).args(["--check", "--strict"]).arg(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_lines_as_sha256sum_writes_them() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sums_line(b"abc", "dac-1"), format!("{abc}  dac-1\n"));
    }

    #[test]
    fn the_host_has_an_architecture_and_a_system() {
        let triple = host_triple().unwrap();
        assert!(triple.starts_with(std::env::consts::ARCH) && triple.split('-').count() >= 3, "{triple}");
    }
}
