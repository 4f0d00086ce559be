//! Runs the shipped binary in a root directory without libraries, `/proc` or `/tmp`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Error, bail};

use crate::process::{command, command_line, root, run_with_timeout, succeeds};

const RECORDING: &str = "fixtures/audio/librivox_austen.wav";
const TIMEOUT: Duration = Duration::from_secs(120);
/// Contains times, so that its bytes are not compared.
pub const MANIFEST: &str = ".dac-manifest.jsonl";
pub const RESULTS: [&str; 2] = ["in.safetensors", "in.wav"];
/// A name that no name server resolves (RFC 6761).
const HOST: &str = "weights.test";

/// Encodes, decodes and resolves a host name with `folder` as the root directory.
/// Fails if a result differs from one made outside.
pub fn check(binary: &Path, folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::copy(binary, folder.join("dac"))?;
    fs::copy(root().join(RECORDING), folder.join("in.wav"))?;
    let chroot = working_chroot(folder)?;

    let inside = |arguments: &[&str]| run_with_timeout(in_root(chroot, folder).args(arguments), TIMEOUT);
    inside(&["encode", "/in.wav", "--output", "/out", "--model", "tiny"])?;
    inside(&["decode", "/out/in.safetensors", "--output", "/out"])?;
    let (inner, outer) = (folder.join("out"), folder.join("outside"));
    let outside = |subcommand: &str, input: &Path| {
        let mut dac = command(binary);
        dac.arg(subcommand).arg(input).arg("--output").arg(&outer).args(["--model", "tiny"]);
        run_with_timeout(&mut dac, TIMEOUT)
    };
    outside("encode", &folder.join("in.wav"))?;
    outside("decode", &outer.join("in.safetensors"))?;
    compare_results(&inner, &outer)?;
    println!("in an empty root directory: {} equal those made outside", RESULTS.join(" and "));

    let mut entries = sorted_names(folder)?;
    entries.retain(|name| name != "outside");
    if entries != ["dac", "in.wav", "out"] {
        bail!("unexpected files in the root directory: {}", entries.join(", "));
    }
    resolve_host(chroot, folder)
}

/// Commands that change the root directory: as root, and as another user in a new namespace.
const CHROOTS: [&[&str]; 2] = [&["chroot"], &["unshare", "--map-root-user", "chroot"]];

fn working_chroot(folder: &Path) -> Result<&'static [&'static str], Error> {
    let works = |chroot: &&[&str]| succeeds(in_root(chroot, folder).arg("--version"));
    CHROOTS.into_iter().find(works).with_context(|| {
        let tried = CHROOTS.map(|chroot| command_line(in_root(chroot, folder).arg("--version")));
        format!("cannot run the binary in an empty root directory; tried: {}", tried.join("; "))
    })
}

/// Returns a command that runs the binary with `folder` as the root directory.
fn in_root(chroot: &[&str], folder: &Path) -> Command {
    let (program, arguments) = chroot.split_first().unwrap_or((&"chroot", &[]));
    let mut in_root = command(program);
    in_root.args(arguments).arg(folder).arg("/dac");
    in_root
}

pub fn compare_results(inner: &Path, outer: &Path) -> Result<(), Error> {
    for folder in [inner, outer] {
        let (names, expected) = (sorted_names(folder)?, [&[MANIFEST], RESULTS.as_slice()].concat());
        if names != expected {
            bail!("{} contains {}, expected {}", folder.display(), names.join(", "), expected.join(", "));
        }
    }
    for name in RESULTS {
        let (inside, outside) = (fs::read(inner.join(name))?, fs::read(outer.join(name))?);
        if inside != outside {
            bail!("{name} differs: {} bytes inside, {} bytes outside", inside.len(), outside.len());
        }
    }
    Ok(())
}

fn sorted_names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Lets `dac download` reach a server by name, because statically linked C libraries may need shared ones to
/// resolve it.
fn resolve_host(chroot: &[&str], folder: &Path) -> Result<(), Error> {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = server.local_addr()?.port();
    std::thread::spawn(move || answer_gone(&server));
    fs::create_dir_all(folder.join("etc"))?;
    fs::write(folder.join("etc/hosts"), format!("127.0.0.1 {HOST}\n"))?;
    let url = format!("http://{HOST}:{port}/weights.pth");
    let mut download = in_root(chroot, folder);
    // A proxy would resolve the name itself.
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        download.env_remove(name);
    }
    download.env("DAC_HOME", "/home").args(["download", "16khz", "--url", &url]);
    let output = download.output().with_context(|| command_line(&download))?;
    let message = String::from_utf8_lossy(&output.stderr);
    if !message.contains("410") {
        bail!("{} did not reach the server, which answers 410: {message}", command_line(&download));
    }
    println!("in a root directory with only /etc/hosts: host names are resolved");
    Ok(())
}

/// Answers all requests with 410, which a proxy or resolver would not.
fn answer_gone(server: &TcpListener) {
    for stream in server.incoming() {
        let Ok(mut stream) = stream else { continue };
        let mut request = [0; 2048];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}
