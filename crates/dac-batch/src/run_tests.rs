//! Inputs that change while they are read. The work is a closure, so no network is needed.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use dac::Codes;
use dac::tokens::{Format, WriteOptions};
use dac_dataset::{PackKind, PackLimits};

use super::*;
use crate::job_record::JobFacts;
use crate::plan::OutputKind;

/// Work that calls a closure and then writes the tokens to a file or a pack.
struct TestWork<F>(F);

impl<F: Fn(&Job) + Sync> Work for TestWork<F> {
    type Prepared = ();

    fn prepare(&self, _: &JobContext<'_>, _: &mut JobFacts) -> Result<(), BatchError> {
        Ok(())
    }

    fn run(&self, context: &JobContext<'_>, (): (), _: &mut JobFacts) -> Result<Outcome, BatchError> {
        (self.0)(context.job);
        let mut tokens = TokenFile::default();
        tokens.codes = Some(Codes::new(vec![1, 2, 3], [1, 1, 3]).unwrap());
        let product = if context.job.entry.is_some() {
            Product::PackEntry(Box::new(tokens))
        } else {
            let mut file = context.staged_file(0)?;
            tokens.write_to(&mut file, Format::Npy, &WriteOptions::default())?;
            Product::Files(vec![file.finish().unwrap()])
        };
        Ok(Outcome { product, roundtrip: None, description: String::new() })
    }
}

struct Silent;

impl BatchObserver for Silent {}

/// Runs `work` on `a.wav` and `b.wav` of a directory, into `out` in it.
fn run(
    dir: &Path,
    outputs: OutputKind<'_>,
    pack: Option<PackKind>,
    work: impl Fn(&Job) + Sync,
) -> BatchReport {
    let options = BatchOptions::new([dir.join("a.wav"), dir.join("b.wav")], dir.join("out"));
    let plan = Plan::new(&options, &["wav"], outputs).unwrap();
    let shards = pack.map(|kind| ShardSettings { kind, limits: PackLimits::default() });
    let (options, cancel) = (&options, &CancelToken::default());
    Batch { plan, options, shards, observer: &Silent, cancel }.run(&TestWork(work)).unwrap()
}

fn dir_with_inputs() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.wav"), b"first").unwrap();
    fs::write(dir.path().join("b.wav"), b"other").unwrap();
    dir
}

/// Records of the manifest, of `a` and of `b`.
fn records(dir: &Path) -> [Record; 2] {
    let text = fs::read_to_string(dir.join("out/.dac-manifest.jsonl")).unwrap();
    let mut records: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    records.sort_by(|one, other| one.key.cmp(&other.key));
    records.try_into().unwrap()
}

fn change(path: &Path, change: &str) {
    match change {
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
fn outputs_of_inputs_that_change_while_read_are_discarded() {
    for (kind, part) in [
        ("length", "changed from 5 to 11 bytes while it was read"),
        ("content", "changed within its 5 bytes while it was read"),
        ("removal", "a.wav"),
    ] {
        let dir = dir_with_inputs();
        let report = run(dir.path(), OutputKind::Files(&["npy"]), None, |job| {
            if job.key == "a.npy" {
                change(&job.input, kind);
            }
        });
        assert_eq!((report.done, report.failed), (1, 1));
        let [a, b] = records(dir.path());
        assert_eq!((a.status, b.status), (Status::Error, Status::Ok), "{kind}");
        assert!(a.error.as_ref().unwrap().contains(part), "{a:?}");
        assert_eq!((a.input_sha256, a.output_sha256), (None, None));
        assert!(b.finished_s.unwrap() > 1e9 && b.input_modified_s.unwrap() > 1e9);
        let out = dir.path().join("out");
        assert!(!out.join("a.npy").exists() && out.join("b.npy").exists(), "{kind}");
        assert!(!out.join(".dac-work").exists());
    }
}

#[test]
fn packs_contain_no_inputs_that_change_while_read() {
    let dir = dir_with_inputs();
    let kind = PackKind::Tar(Format::Npy, WriteOptions::default());
    let report = run(dir.path(), OutputKind::PackEntry, Some(kind), |job| {
        if job.key == "a" {
            change(&job.input, "content");
        }
    });
    assert_eq!((report.done, report.failed), (1, 1));
    let [a, b] = records(dir.path());
    assert_eq!((a.status, a.pack), (Status::Error, None));
    assert_eq!((b.status, b.pack.as_deref()), (Status::Ok, Some("tokens-000000.tar")));
    let tar = fs::read(dir.path().join("out/tokens-000000.tar")).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
    assert_eq!(names.collect::<Vec<_>>(), [Path::new("b.npy"), Path::new("b.json")]);
}
