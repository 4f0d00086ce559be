//! What a batch keeps of an input that changes under its hands. The work is the tests' own: no network is needed for it.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Parser;
use dac::Codes;
use dac_dataset::{PackKind, PackLimits};

use super::*;
use crate::args::{Cli, Command};
use crate::plan::{Outputs, plan};

/// Runs `work` on `a.wav` and `b.wav` of a folder, into `out` there.
fn run(
    folder: &Path,
    outputs: Outputs<'_>,
    packing: Option<Packing>,
    work: impl Fn(&Job, &mut Task<'_>) -> Result<Done, Error> + Sync,
) -> Exit {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let line = ["dac", "encode", &at("a.wav"), &at("b.wav"), "--output", &at("out"), "--jobs", "1"];
    let Command::Encode(args) = Cli::try_parse_from(line).unwrap().command else { unreachable!() };
    let plan = plan(&args.files, &["wav"], outputs).unwrap();
    Batch::new(plan, &args.files, Device::Cpu, None).packed(packing).run(work).unwrap()
}

fn recordings() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.wav"), b"first").unwrap();
    fs::write(folder.path().join("b.wav"), b"other").unwrap();
    folder
}

/// The records of the manifest, of `a` and of `b`.
fn records(folder: &Path) -> [Record; 2] {
    let text = fs::read_to_string(folder.join("out/.dac-manifest.jsonl")).unwrap();
    let mut records: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    records.sort_by(|one, other| one.key.cmp(&other.key));
    records.try_into().unwrap()
}

fn change(path: &Path, how: &str) {
    match how {
        "length" => fs::write(path, b"second take").unwrap(),
        "content" => {
            let file = File::options().write(true).open(path).unwrap();
            let later = SystemTime::now() + Duration::from_secs(5);
            fs::write(path, b"again").and_then(|()| file.set_modified(later)).unwrap();
        }
        _ => fs::remove_file(path).unwrap(),
    }
}

#[test]
fn nothing_is_kept_of_an_input_that_changed_while_it_was_read() {
    for (how, said) in [
        ("length", "changed from 5 to 11 bytes while it was read"),
        ("content", "changed within its 5 bytes while it was read"),
        ("removal", "a.wav"),
    ] {
        let folder = recordings();
        let exit = run(folder.path(), Outputs::Files(&["npy"]), None, |job, task| {
            fs::write(task.made(0)?, b"tokens")?;
            if job.key == "a.npy" {
                change(&job.input, how);
            }
            Ok(Done::Written(String::new()))
        });
        assert_eq!(exit, Exit::SomeFailed);
        let [a, b] = records(folder.path());
        assert_eq!((a.status, b.status), (Status::Error, Status::Ok), "{how}");
        assert!(a.error.as_ref().unwrap().contains(said), "{a:?}");
        assert_eq!((a.input_sha256, a.output_sha256), (None, None));
        assert!(b.finished_s.unwrap() > 1e9 && b.input_modified_s.unwrap() > 1e9);
        let out = folder.path().join("out");
        assert!(!out.join("a.npy").exists() && out.join("b.npy").exists(), "{how}");
    }
}

#[test]
fn nor_in_a_pack() {
    let folder = recordings();
    let packing = Packing {
        kind: PackKind::Tar(dac::tokens::Format::Npy, dac::tokens::WriteOptions::default()),
        limits: PackLimits::default(),
    };
    let exit = run(folder.path(), Outputs::Entries, Some(packing), |job, _| {
        if job.key == "a" {
            change(&job.input, "content");
        }
        let mut tokens = TokenFile::default();
        tokens.codes = Some(Codes::new(vec![1, 2, 3], [1, 1, 3]).unwrap());
        Ok(Done::Packed(Box::new(tokens), String::new()))
    });
    assert_eq!(exit, Exit::SomeFailed);
    let [a, b] = records(folder.path());
    assert_eq!((a.status, a.pack), (Status::Error, None));
    assert_eq!((b.status, b.pack.as_deref()), (Status::Ok, Some("tokens-000000.tar")));
    let tar = fs::read(folder.path().join("out/tokens-000000.tar")).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
    assert_eq!(names.collect::<Vec<_>>(), [Path::new("b.npy"), Path::new("b.json")]);
}
