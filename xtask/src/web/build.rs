//! Building the modules, the npm package and the page.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, ensure};
use sha2::{Digest, Sha256};

use super::{CRATE, RECORDING};
use crate::cross::has_target;
use crate::process::{cargo, command, root, run as run_command, rustc, succeeds, target_dir};

const TARGET: &str = "wasm32-unknown-unknown";

/// The modules with their target features. The loader takes the last one that the browser supports.
const MODULES: [(&str, &str); 2] = [("simd", "+simd128"), ("relaxed", "+simd128,+relaxed-simd")];

/// The embedded model, which the package contains as a file.
const TINY: &str = "crates/dac-model/assets/tiny.safetensors";

/// Files of the report that the page shares, with their names in the page.
const SHARED: [(&str, &str); 2] = [
    ("crates/dac-report/src/html/page.css", "report.css"),
    ("crates/dac-report/src/html/page.js", "report.js"),
];

/// Checks the toolchain and installs the programs from npm that package.json names.
pub(super) fn install_programs() -> Result<(), Error> {
    ensure!(has_target(Path::new(&rustc()), TARGET), "missing standard library: rustup target add {TARGET}");
    ensure!(succeeds(command("npm").arg("--version")), "missing npm: apt-get install nodejs npm");
    let folder = root().join(CRATE);
    let (lock, installed) =
        (folder.join("package-lock.json"), folder.join("node_modules/.package-lock.json"));
    let modified = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    if modified(&installed).is_none() || modified(&installed) < modified(&lock) {
        // Not `npm ci`, which refuses lock files without the optional packages of other systems.
        let mut npm = command("npm");
        npm.current_dir(&folder).args(["install", "--no-save", "--no-audit", "--no-fund"]);
        run_command(&mut npm)?;
    }
    Ok(())
}

/// Builds the package in `target/web/dac-web` and the page in `target/web/site`.
pub(super) fn package_and_site() -> Result<(), Error> {
    let target = target_dir().join("web");
    let (source, package, site) = (root().join(CRATE), target.join("dac-web"), target.join("site"));
    for folder in [&package, &site] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    for (name, features) in MODULES {
        build_module(&target, &package.join(name), features).with_context(|| format!("module {name}"))?;
    }
    copy_folder(&source.join("js"), &package)?;
    copy(&root().join(TINY), &package.join("tiny.safetensors"))?;
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&root().join(license), &package.join(license))?;
    }
    copy_folder(&source.join("www"), &site)?;
    copy_folder(&package, &site.join("dac-web"))?;
    for (file, name) in SHARED {
        copy(&root().join(file), &site.join(name))?;
    }
    copy(&root().join(RECORDING), &site.join("sample.wav"))?;
    list_files_for_offline_use(&site)
}

fn build_module(target: &Path, to: &Path, features: &str) -> Result<(), Error> {
    let manifest = root().join(CRATE).join("Cargo.toml");
    let in_workspace = |subcommand: &str| {
        let mut cargo = cargo();
        cargo.args([subcommand, "--locked", "--release", "--manifest-path"]).arg(&manifest);
        cargo.arg("--target-dir").arg(target);
        cargo
    };
    let mut build = in_workspace("build");
    build.env("RUSTFLAGS", format!("-C target-feature={features}"));
    run_command(build.args(["--package", "dac-web", "--target", TARGET]))?;
    let built = target.join(TARGET).join("release/dac_web.wasm");
    let mut bindgen = in_workspace("run");
    run_command(bindgen.args(["--quiet", "--package", "dac-web-bindgen", "--"]).arg(&built).arg(to))?;
    let module = to.join("dac_web_bg.wasm");
    let mut optimize = command("node");
    optimize.arg(root().join(CRATE).join("node_modules/binaryen/bin/wasm-opt")).args(["-O3", "--quiet"]);
    // Instructions are enabled by the module's own list of features.
    run_command(optimize.arg("--detect-features").arg(&module).arg("-o").arg(&module))
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    for file in files_in(from)? {
        copy(&from.join(&file), &to.join(&file))?;
    }
    Ok(())
}

/// Lists the files in a directory and below, relative to it, in order.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let (path, name) = entry.map(|entry| (entry.path(), PathBuf::from(entry.file_name())))?;
        if path.is_dir() {
            files.extend(files_in(&path)?.iter().map(|file| name.join(file)));
        } else {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

/// Writes the files of the page, with a hash of their contents, into the service worker that keeps them.
fn list_files_for_offline_use(site: &Path) -> Result<(), Error> {
    const WORKER: &str = "sw.js";
    let mut hasher = Sha256::new();
    let mut files = vec!["./".to_owned()];
    for file in files_in(site)? {
        hasher.update(fs::read(site.join(&file))?);
        let name = file.to_string_lossy().replace('\\', "/");
        // Browsers take one of the modules, and cache it when they load it.
        let needed = name != WORKER && !name.ends_with(".d.ts") && !name.ends_with(".wasm");
        if needed {
            files.push(name);
        }
    }
    let version: String = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let worker = fs::read_to_string(site.join(WORKER))?;
    let worker = worker.replace("\"VERSION\"", &format!("\"{version}\""));
    fs::write(site.join(WORKER), worker.replace("[\"FILES\"]", &serde_json::to_string(&files)?))?;
    Ok(())
}
