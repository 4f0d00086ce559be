//! `cargo xtask capi`: checks the header of the C interface, and runs its test program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, bail, ensure};

use crate::process::{cargo, command, root, run as run_command, stdout_of, succeeds, target_dir};

/// Directory of the crate, relative to the root.
const CRATE: &str = "crates/dac-capi";
const HEADER: &str = "include/dac.h";
/// Warnings of the C compiler are errors.
const WARNINGS: [&str; 5] = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
/// System libraries that the static library needs on Linux.
const SYSTEM_LIBRARIES: [&str; 3] = ["-lpthread", "-lm", "-ldl"];

/// Arguments of the task.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write the header and do nothing else.
    #[arg(long)]
    write_header: bool,
    /// Do not run the test program under valgrind.
    #[arg(long)]
    no_valgrind: bool,
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> Result<(), Error> {
    let path = root().join(CRATE).join(HEADER);
    let header = header()?;
    if args.write_header {
        return fs::write(&path, header).with_context(|| path.display().to_string());
    }
    let written = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    ensure!(written == header, "{HEADER} is out of date; run `cargo xtask capi --write-header`");
    // With any test, dependencies have the same features as in `cargo test --workspace`, and are not compiled
    // for this task only.
    run_command(cargo().args(["build", "--locked", "--workspace", "--lib", "--test", "atomic"]))?;
    let folder = target_dir().join("capi");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    run_command(command("c++").args(["-x", "c++", "-fsyntax-only", "-Wall", "-Werror"]).arg(&path))?;
    let libraries = target_dir().join("debug");
    let with_static = compile(&folder.join("capi_static"), |cc| {
        cc.arg(libraries.join("libdac_capi.a")).args(SYSTEM_LIBRARIES);
    })?;
    let with_shared = compile(&folder.join("capi_shared"), |cc| {
        cc.arg("-L").arg(&libraries).args(["-ldac_capi", "-lm"]);
        cc.arg(format!("-Wl,-rpath,{}", libraries.display()));
    })?;
    for program in [&with_static, &with_shared] {
        let printed = stdout_of(command(program).arg(&folder))?;
        ensure!(printed == "ok\n", "{} printed {printed:?}", program.display());
    }
    if !args.no_valgrind {
        run_in_valgrind(&with_shared, &folder)?;
    }
    println!("the C interface passes its tests");
    Ok(())
}

/// Generates the header.
fn header() -> Result<String, Error> {
    let folder = root().join(CRATE);
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).map_err(Error::msg)?;
    let sources = fs::read_dir(folder.join("src")).context("the sources of the C interface")?;
    let mut sources = sources.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, Error>>()?;
    sources.sort();
    let builder = cbindgen::Builder::new().with_config(config);
    let builder = sources.iter().fold(builder, cbindgen::Builder::with_src);
    let mut header = Vec::new();
    builder.generate().context("cbindgen")?.write(&mut header);
    Ok(String::from_utf8(header)?)
}

/// Compiles and links the test program.
fn compile(program: &Path, link: impl FnOnce(&mut std::process::Command)) -> Result<PathBuf, Error> {
    let mut cc = command("cc");
    cc.args(WARNINGS).args(["-g", "-O1", "-I"]).arg(root().join(CRATE).join("include"));
    cc.arg(root().join(CRATE).join("tests/capi.c")).arg("-o").arg(program);
    link(&mut cc);
    run_command(&mut cc)?;
    Ok(program.to_owned())
}

/// Runs the test program under valgrind: invalid accesses and lost memory are errors. valgrind does not know
/// AVX-512, which it hides from the program.
fn run_in_valgrind(program: &Path, folder: &Path) -> Result<(), Error> {
    if !succeeds(command("valgrind").arg("--version")) {
        bail!("valgrind is not installed; use --no-valgrind to skip this test");
    }
    let mut valgrind = command("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=1", "--leak-check=full", "--show-leak-kinds=definite"]);
    valgrind.arg("--errors-for-leak-kinds=definite").env("DAC_CPU", "avx2");
    run_command(valgrind.arg(program).arg(folder))
}
