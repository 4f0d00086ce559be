//! Planning of a batch: inputs, outputs and keys of its jobs, seen through dry runs.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use dac::audio::WriteFormat;
use dac::tokens::Format;
use dac::{Dac, Device, OutputRate};
use dac_batch::{
    BatchError, BatchObserver, BatchOptions, CancelToken, EncodeSettings, PackFormat, PackLimits,
    PackSettings, Partition, Record, RoundtripSettings, encode_files, roundtrip_files,
};

/// Jobs of a batch.
#[derive(Default)]
struct Plan {
    /// Record and description of each job, in order.
    jobs: Mutex<Vec<(Record, String)>>,
    messages: Mutex<Vec<String>>,
}

impl BatchObserver for Plan {
    fn message(&self, text: &str) {
        self.messages.lock().unwrap().push(text.to_owned());
    }

    fn job_ended(&self, record: &Record, description: &str) {
        self.jobs.lock().unwrap().push((record.clone(), description.to_owned()));
    }
}

impl Plan {
    fn records(&self) -> Vec<Record> {
        self.jobs.lock().unwrap().iter().map(|(record, _)| record.clone()).collect()
    }

    /// Number of jobs that cannot be done.
    fn faults(&self) -> usize {
        self.records().iter().filter(|record| record.error.is_some()).count()
    }
}

fn dir_with(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"x").unwrap();
    }
    dir
}

/// Options for inputs and outputs below `dir`.
fn options(dir: &Path, inputs: &[&str], output_dir: &str) -> BatchOptions {
    let options = BatchOptions::new(inputs.iter().map(|input| dir.join(input)), dir.join(output_dir));
    BatchOptions { dry_run: true, ..options }
}

fn tiny() -> Result<Dac, BatchError> {
    Ok(Dac::load("tiny", Device::Cpu)?)
}

fn plan_encode(options: &BatchOptions, settings: &EncodeSettings) -> Result<Plan, String> {
    let plan = Plan::default();
    let result = encode_files(options, settings, tiny, &plan, &CancelToken::default());
    result.map(|_| plan).map_err(|error| error.to_string())
}

/// Plans an encode to .dac files.
fn plan(options: &BatchOptions) -> Result<Plan, String> {
    plan_encode(options, &EncodeSettings { format: Format::Dac, ..EncodeSettings::default() })
}

/// Plans a round trip, whose outputs are .safetensors and .wav files.
fn plan_roundtrip(options: &BatchOptions) -> Result<Plan, String> {
    let settings = RoundtripSettings {
        encode: EncodeSettings::default(),
        output_rate: OutputRate::Model,
        wave: WriteFormat::default(),
    };
    let plan = Plan::default();
    let result = roundtrip_files(options, &settings, tiny, &plan, &CancelToken::default());
    result.map(|_| plan).map_err(|error| error.to_string())
}

fn keys(options: &BatchOptions) -> Vec<String> {
    let keys = plan(options).unwrap().records().into_iter().map(|record| {
        let key = String::from(record.key.unwrap());
        let output = options.output_dir.join(&key).display().to_string();
        assert_eq!(record.output.as_deref(), Some(output.as_str()));
        key
    });
    keys.collect()
}

fn entries(options: &BatchOptions) -> Result<Vec<String>, String> {
    let pack = PackSettings { format: PackFormat::Tar, limits: PackLimits::default(), keeps_shards: false };
    let plan = plan_encode(options, &EncodeSettings { pack: Some(pack), ..EncodeSettings::default() })?;
    let keys = plan.records().into_iter().map(|record| {
        assert_eq!(record.output, None);
        String::from(record.key.unwrap())
    });
    Ok(keys.collect())
}

#[test]
fn outputs_are_named_after_the_stem() {
    let dir = dir_with(&["a.wav", "b.c.flac", "none"]);
    let plan = plan_roundtrip(&options(dir.path(), &["a.wav", "b.c.flac", "none"], "out")).unwrap();
    let out = dir.path().join("out");
    let expected = ["a", "b.c", "none"].map(|stem| {
        let path = |extension| out.join(format!("{stem}.{extension}")).display().to_string();
        format!("-> {} and {}", path("safetensors"), path("wav"))
    });
    let jobs = plan.jobs.into_inner().unwrap();
    assert_eq!(jobs.into_iter().map(|(_, description)| description).collect::<Vec<_>>(), expected);
    let given = options(dir.path(), &["a.wav", "none"], "out");
    assert_eq!(keys(&BatchOptions { keep_extension: true, ..given }), ["a.wav.dac", "none.dac"]);
}

#[test]
fn directories_and_patterns_keep_their_structure() {
    let dir = dir_with(&[
        "in/b/z.WAV",
        "in/a.flac",
        "in/b/c/d.wav",
        "in/notes.txt",
        "in/._a.wav",
        "in/.trash/e.wav",
        "in/b/LICENSE",
        "other/a.wav",
    ]);
    let at = dir.path();
    let with_root =
        |input: &str, root: &str| BatchOptions { root: Some(at.join(root)), ..options(at, &[input], "out") };
    assert_eq!(keys(&options(at, &["in"], "out")), ["a.dac", "b/c/d.dac", "b/z.dac"]);
    assert_eq!(keys(&options(at, &["in/**/*.wav"], "out")), ["b/c/d.dac"]);
    assert_eq!(keys(&options(at, &["*/a.*"], "out")), ["in/a.dac", "other/a.dac"]);
    assert_eq!(keys(&with_root("in/b", "")), ["in/b/c/d.dac", "in/b/z.dac"]);
    let messages = plan(&options(at, &["in"], "out")).unwrap().messages.into_inner().unwrap();
    assert_eq!(messages, ["ignored files with other extensions: .txt (1), none (1)"]);
    // Outputs below the input directory are not inputs of the next run.
    assert_eq!(plan(&options(at, &["in"], "in/b")).unwrap().records().len(), 1);
    fs::create_dir(at.join("empty")).unwrap();
    for (options, part) in [
        (options(at, &["in/*.mp3"], "out"), "matches no file"),
        (with_root("in/.trash/../b/c/d.wav", "other"), "is not below --root"),
        (options(at, &["missing"], "out"), "no such file"),
        (options(at, &["empty"], "out"), "contains no input files"),
    ] {
        let error = plan(&options).err().unwrap();
        assert!(error.contains(part), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn broken_links_are_judged_by_their_names_and_block_no_output() {
    let dir = dir_with(&["in/a.wav"]);
    let at = dir.path();
    for name in ["a", "README", "a.flac", "b.wav", ".#a.wav"] {
        std::os::unix::fs::symlink("nowhere", at.join("in").join(name)).unwrap();
    }
    let options = options(at, &["in"], "out");
    let found = plan(&options).unwrap();
    let records = found.records();
    let jobs: Vec<_> =
        records.iter().map(|record| (record.key.as_deref().unwrap(), record.error.is_some())).collect();
    assert_eq!(jobs, [("a.dac", true), ("a.dac", false), ("b.dac", true)]);
    assert_eq!(*found.messages.lock().unwrap(), ["ignored files with other extensions: none (2)"]);
    // A link to itself, and a link to its parent directory, which would recurse forever.
    std::os::unix::fs::symlink("c.wav", at.join("in/c.wav")).unwrap();
    std::os::unix::fs::symlink("../in", at.join("in/d")).unwrap();
    assert_eq!(plan(&options).unwrap().faults(), 4);
}

#[test]
fn listed_files_keep_their_relative_path_and_missing_ones_fail_alone() {
    let dir = dir_with(&["a.wav"]);
    let at = dir.path();
    let from = |list: &str| BatchOptions { files_from: Some(at.join(list)), ..options(at, &[], "out") };
    let absolute = at.join("a.wav").display().to_string();
    fs::write(at.join("list"), format!("./x/b.wav\r\n\n{absolute}\n../c.wav\n")).unwrap();
    assert_eq!(keys(&from("list")), ["x/b.dac", "a.dac", "c.dac"]);
    let errors = plan(&from("list")).unwrap().records().into_iter().map(|record| record.error);
    let expected = [Some("./x/b.wav: no such file".into()), None, Some("../c.wav: no such file".into())];
    assert_eq!(errors.collect::<Vec<_>>(), expected);
    fs::write(at.join("zero"), format!("{absolute}\0x\ny.wav\0")).unwrap();
    assert_eq!(keys(&from("zero")), ["a.dac", "x\ny.dac"]);
}

#[test]
fn all_faults_are_reported_at_once() {
    let dir = dir_with(&["one/a.wav", "two/a.flac", "b.wav"]);
    let inputs = ["one/a.wav", "two/a.flac", "missing.wav", "b.wav"];
    let error = plan_roundtrip(&options(dir.path(), &inputs, "")).err().unwrap();
    for part in [
        "missing.wav: no such file",
        "two/a.flac",
        "b.wav is itself an input",
        "a.wav would be written by 2 inputs",
        "--keep-extension",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn partitions_share_the_jobs_after_all_were_checked() {
    let dir = dir_with(&["a.wav", "b.wav", "c.wav", "d.wav", "e.wav", "f.wav"]);
    let part =
        |index| BatchOptions { partition: Partition::new(index, 3), ..options(dir.path(), &[""], "out") };
    let all = keys(&options(dir.path(), &[""], "out"));
    let mut parts: Vec<_> = (0..3).flat_map(|index| keys(&part(index))).collect();
    parts.sort();
    assert_eq!(parts, all);
    fs::write(dir.path().join("a.flac"), b"x").unwrap();
    for index in 0..3 {
        let error = plan(&part(index)).err().unwrap();
        assert!(error.contains("2 inputs"), "{error}");
    }
}

#[test]
fn pack_entries_have_keys_that_can_collide() {
    let dir = dir_with(&["in/a.wav", "in/b/a.wav", "in/b/take.2.flac"]);
    let at = dir.path();
    let all = options(at, &["in"], "out");
    assert_eq!(entries(&all).unwrap(), ["a", "b/a", "b/take%2E2"]);
    let one = BatchOptions { keep_extension: true, ..options(at, &["in/a.wav"], "out") };
    assert_eq!(entries(&one).unwrap(), ["a%2Ewav"]);
    fs::write(at.join("in/a.flac"), b"x").unwrap();
    let error = entries(&all).unwrap_err();
    assert!(error.contains("a would be written by 2 inputs"), "{error}");
}

#[test]
fn an_input_given_twice_is_one_job() {
    let dir = dir_with(&["a.wav", "x/b.wav"]);
    let plan = plan(&options(dir.path(), &["a.wav", "x/../a.wav", "a.wav"], "out")).unwrap();
    assert_eq!(plan.records().len(), 1);
    assert_eq!(plan.messages.into_inner().unwrap(), ["ignored inputs that are named more than once: 2"]);
}
