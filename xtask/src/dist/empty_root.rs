//! The shipped binary in a root folder that holds it and a recording, and nothing else: no libraries, no `/proc`, no `/tmp`.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Error, bail};

use crate::process::{command, root, run_within, shown, succeeds};

const RECORDING: &str = "fixtures/audio/librivox_austen.wav";
const LIMIT: Duration = Duration::from_secs(120);
/// The record of what was done, which tells times.
const MANIFEST: &str = ".dac-manifest.jsonl";
/// What the steps make, in order of names.
const RESULTS: [&str; 2] = ["in.safetensors", "in.wav"];
/// A name that no server of names answers for (RFC 6761).
const HOST: &str = "weights.test";

/// # Errors
/// When no root folder can be entered, a step fails, or a result differs from what the binary gives outside.
pub(super) fn check(binary: &Path, folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::copy(binary, folder.join("dac"))?;
    fs::copy(root().join(RECORDING), folder.join("in.wav"))?;
    let way = way_in(folder)?;

    let inside = |arguments: &[&str]| run_within(entered(way, folder).args(arguments), LIMIT);
    inside(&["encode", "/in.wav", "--output", "/out", "--model", "tiny"])?;
    inside(&["decode", "/out/in.safetensors", "--output", "/out"])?;
    let (inner, outer) = (folder.join("out"), folder.join("outside"));
    let outside = |what: &str, input: &Path| {
        run_within(
            command(binary).arg(what).arg(input).arg("--output").arg(&outer).args(["--model", "tiny"]),
            LIMIT,
        )
    };
    outside("encode", &folder.join("in.wav"))?;
    outside("decode", &outer.join("in.safetensors"))?;
    same_files(&inner, &outer)?;
    println!("in an empty root folder: {} as outside, nothing beside them", RESULTS.join(" and "));

    let mut entries = names(folder)?;
    entries.retain(|name| name != "outside");
    if entries != ["dac", "in.wav", "out"] {
        bail!("left behind in the root folder: {}", entries.join(", "));
    }
    looks_up_names(way, folder)
}

/// The programs by which a root folder can be entered here: root may, and everyone else in a name space of their own.
const WAYS: [&[&str]; 2] = [&["chroot"], &["unshare", "--map-root-user", "chroot"]];

fn way_in(folder: &Path) -> Result<&'static [&'static str], Error> {
    for way in WAYS {
        if succeeds(entered(way, folder).arg("--version")) {
            return Ok(way);
        }
    }
    let tried: Vec<_> = WAYS.iter().map(|way| shown(entered(way, folder).arg("--version"))).collect();
    bail!(
        "the binary does not start in an empty root folder, or no such folder can be entered: {}",
        tried.join("; ")
    )
}

/// The binary, by its name in the folder, with the folder as its root.
fn entered(way: &[&str], folder: &Path) -> Command {
    let (program, more) = way.split_first().unwrap_or((&"chroot", &[]));
    let mut entered = command(program);
    entered.args(more).arg(folder).arg("/dac");
    entered
}

fn same_files(inner: &Path, outer: &Path) -> Result<(), Error> {
    for folder in [inner, outer] {
        let (names, expected) = (names(folder)?, [&[MANIFEST], RESULTS.as_slice()].concat());
        if names != expected {
            bail!("{} holds {}, expected {}", folder.display(), names.join(", "), expected.join(", "));
        }
    }
    for name in RESULTS {
        let (inside, outside) = (fs::read(inner.join(name))?, fs::read(outer.join(name))?);
        if inside != outside {
            bail!("{name}: {} bytes, and others than the {} outside", inside.len(), outside.len());
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// A C library that is linked in looks names up by itself or by libraries that are not here: `dac download` has to reach a
/// server by its name.
fn looks_up_names(way: &[&str], folder: &Path) -> Result<(), Error> {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = server.local_addr()?.port();
    std::thread::spawn(move || refuse_all(&server));
    fs::create_dir_all(folder.join("etc"))?;
    fs::write(folder.join("etc/hosts"), format!("127.0.0.1 {HOST}\n"))?;
    let url = format!("http://{HOST}:{port}/weights.pth");
    let mut download = entered(way, folder);
    // Else the name would be the proxy's to look up.
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        download.env_remove(name);
    }
    download.env("DAC_HOME", "/home").args(["download", "16khz", "--url", &url]);
    let said = download.output().with_context(|| shown(&download))?;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    if !said.contains("410") {
        bail!("the server's answer is not in what {} said: {said}", shown(&download));
    }
    println!("in a root folder with /etc/hosts alone: a server is found by its name");
    Ok(())
}

/// Answers 410, which nothing else on the way would.
fn refuse_all(server: &TcpListener) {
    for stream in server.incoming() {
        let Ok(mut stream) = stream else { continue };
        let mut request = [0; 2048];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_compared_byte_by_byte() {
        let folder = crate::process::target().join("tmp").join("empty-root-test");
        let (one, other) = (folder.join("one"), folder.join("other"));
        for side in [&one, &other] {
            fs::create_dir_all(side).unwrap();
            for name in RESULTS {
                fs::write(side.join(name), b"same").unwrap();
            }
            // Other times, which make no difference.
            fs::write(side.join(MANIFEST), side.to_string_lossy().as_bytes()).unwrap();
        }
        same_files(&one, &other).unwrap();
        fs::write(other.join("in.wav"), b"Same").unwrap();
        assert!(same_files(&one, &other).unwrap_err().to_string().contains("in.wav"));
        fs::write(one.join("litter"), b"").unwrap();
        assert!(same_files(&one, &other).unwrap_err().to_string().contains("litter"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_binary_is_named_as_it_is_inside() {
        let entered = entered(WAYS[1], Path::new("/empty"));
        let words: Vec<_> = entered.get_args().collect();
        assert_eq!(entered.get_program(), "unshare");
        assert_eq!(words, ["--map-root-user", "chroot", "/empty", "/dac"]);
    }
}
