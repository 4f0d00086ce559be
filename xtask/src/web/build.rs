//! Building the modules, the npm package and the page.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, ensure};
use sha2::{Digest, Sha256};

use super::{CRATE, RECORDING};
use crate::cross::has_target;
use crate::files::copy;
use crate::process::{cargo, command, root, run as run_command, rustc, stdout_of, succeeds, target_dir};

const TARGET: &str = "wasm32-unknown-unknown";

/// A module of the package.
struct Module {
    name: &'static str,
    features: &'static str,
    threads: bool,
}

/// The modules. The loader takes the one with most features that the browser supports.
const MODULES: [Module; 4] = [
    Module { name: "simd", features: SIMD, threads: false },
    Module { name: "relaxed", features: RELAXED, threads: false },
    Module { name: "simd-threads", features: SIMD, threads: true },
    Module { name: "relaxed-threads", features: RELAXED, threads: true },
];

const SIMD: &str = "+simd128";
const RELAXED: &str = "+simd128,+relaxed-simd";

/// Compiler options for shared memory: atomic instructions, for which the standard library is compiled, too;
/// a memory that JavaScript makes, up to 4 GiB; and what wasm-bindgen needs to start a thread.
const THREAD_FLAGS: &str = "-C target-feature=+atomics,+bulk-memory,+mutable-globals \
    -C link-arg=--shared-memory -C link-arg=--import-memory -C link-arg=--max-memory=4294967296 \
    -C link-arg=--export=__heap_base -C link-arg=--export=__wasm_init_tls -C link-arg=--export=__tls_size \
    -C link-arg=--export=__tls_align -C link-arg=--export=__tls_base";

/// Directory with the files of each module with threads.
const THREAD_FILES: &str = "js-threads";

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
    let modules = modules()?;
    let any_threads = modules.iter().any(|module| module.threads);
    for module in &modules {
        build_module(&target, &package.join(module.name), module, any_threads)
            .with_context(|| format!("module {}", module.name))?;
        if module.threads {
            copy_folder(&source.join(THREAD_FILES), &package.join(module.name))?;
        }
    }
    copy_folder(&source.join("js"), &package)?;
    fs::write(package.join("modules.js"), list_of_modules(&modules))?;
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

/// Returns the modules to build: those with threads only if the toolchain has the sources of the standard
/// library, and those with relaxed SIMD not for quick tests.
fn modules() -> Result<Vec<Module>, Error> {
    let sysroot = stdout_of(command(rustc()).args(["--print", "sysroot"]))?;
    let has_sources = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock").is_file();
    if !has_sources {
        eprintln!("building no modules with threads, which need: rustup component add rust-src");
    }
    let is_quick = std::env::var_os("DAC_WEB_QUICK").is_some_and(|value| value == "1");
    let is_built =
        |module: &Module| (!module.threads || has_sources) && !(is_quick && module.features == RELAXED);
    Ok(MODULES.into_iter().filter(is_built).collect())
}

/// Builds a module. With `compiles_std`, some module of the package needs its own standard library.
fn build_module(target: &Path, to: &Path, module: &Module, compiles_std: bool) -> Result<(), Error> {
    let manifest = root().join(CRATE).join("Cargo.toml");
    let in_workspace = |subcommand: &str| {
        let mut cargo = cargo();
        cargo.args([subcommand, "--locked", "--release", "--manifest-path"]).arg(&manifest);
        cargo.arg("--target-dir").arg(target);
        if compiles_std {
            // Lets stable toolchains compile it. A change would build dependencies again: it is set for all.
            cargo.env("RUSTC_BOOTSTRAP", "1");
        }
        cargo
    };
    let mut build = in_workspace("build");
    build.args(["--package", "dac-web", "--target", TARGET]);
    let mut flags = format!("-C target-feature={}", module.features);
    if module.threads {
        build.args(["--features", "threads", "-Z", "build-std=std,panic_abort"]);
        flags = format!("{flags} {THREAD_FLAGS}");
    }
    run_command(build.env("RUSTFLAGS", flags))?;
    let built = target.join(TARGET).join("release/dac_web.wasm");
    let mut bindgen = in_workspace("run");
    run_command(bindgen.args(["--quiet", "--package", "dac-web-bindgen", "--"]).arg(&built).arg(to))?;
    let module = to.join("dac_web_bg.wasm");
    let mut optimize = command("node");
    optimize.arg(root().join(CRATE).join("node_modules/binaryen/bin/wasm-opt")).args(["-O3", "--quiet"]);
    // Instructions are enabled by the module's own list of features.
    run_command(optimize.arg("--detect-features").arg(&module).arg("-o").arg(&module))
}

/// Writes the list of modules for the loader. Bundlers find the files by these forms of `import`, `new URL`
/// and `new Worker`.
fn list_of_modules(modules: &[Module]) -> String {
    let mut text = String::from("// The modules of this package.\nexport const modules = {\n");
    for Module { name, threads, .. } in modules {
        text += &format!("  \"{name}\": {{\n");
        text += &format!("    code: () => import(\"./{name}/dac_web.js\"),\n");
        text += &format!("    url: () => new URL(\"./{name}/dac_web_bg.wasm\", import.meta.url),\n");
        if *threads {
            let file = format!("new URL(\"./{name}/thread.js\", import.meta.url)");
            text += &format!("    thread: () => new Worker({file}, {{ type: \"module\" }}),\n");
        }
        text += "  },\n";
    }
    text + "};\n"
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
