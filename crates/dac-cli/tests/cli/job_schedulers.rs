//! Job schedulers run the partitions of a job; together these produce the results of a single run, each file
//! once.

mod slurm;

use std::process::Command;

use serde_json::Value;

use crate::batch::{MANIFEST, tree};
use crate::external_tools::{is_available, on_path};
use crate::support::Lab;
use slurm::Cluster;

const PARTITIONS: usize = 4;
const FILES: usize = 9;

/// Creates short recordings of several rates in two directories and encodes them by a single run into
/// `plain`.
fn collection() -> Lab {
    let lab = Lab::new();
    for n in 0..FILES {
        let (folder, rate_hz) = (["a", "b"][n % 2], [8_000, 16_000, 44_100][n % 3]);
        lab.wav(&format!("in/{folder}/{n}.wav"), rate_hz, 3_000 + 700 * n, &[0.5]);
    }
    lab.dac("encode in --output plain --model tiny").expect(0);
    lab
}

/// Merges the partitions' manifests in a directory and compares it with `plain`.
fn assert_joined(lab: &Lab, joined: &str, partitions: usize) {
    let names = lab.names(joined);
    for partition in 0..partitions {
        let name = format!(".dac-manifest.{partition}-of-{partitions}.jsonl");
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    lab.dac(&format!("manifest merge {joined}")).expect(0);
    assert_eq!(entries(lab, joined), entries(lab, "plain"));
    let (joined, plain) = (tree(lab, joined), tree(lab, "plain"));
    assert_eq!(joined.keys().collect::<Vec<_>>(), plain.keys().collect::<Vec<_>>());
    assert_eq!(plain.len(), FILES);
    for (name, bytes) in &plain {
        assert!(joined[name] == *bytes, "{name} differs from the single run's");
    }
}

/// Key, status and hash of each record of a manifest, sorted.
fn entries(lab: &Lab, folder: &str) -> Vec<[String; 3]> {
    let text = String::from_utf8(lab.read(&format!("{folder}/{MANIFEST}"))).unwrap();
    let record = |line| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let of = |record: Value| {
        ["key", "status", "output_sha256"].map(|key| record[key].as_str().unwrap_or_default().to_owned())
    };
    let mut entries: Vec<_> = text.lines().map(|line| of(record(line))).collect();
    entries.sort();
    assert_eq!(entries.len(), FILES, "{text}");
    assert!(entries.iter().all(|[_, status, sha256]| status == "ok" && sha256.len() == 64), "{text}");
    entries
}

/// Runs a command that must succeed and returns its stdout.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

#[test]
fn gnu_parallel_runs_all_partitions() {
    if !is_available("parallel", on_path("parallel")) {
        return;
    }
    let lab = collection();
    let encode = format!("encode in --output joined --model tiny --threads 1 --partition {{}}/{PARTITIONS}");
    let mut parallel = lab.program("parallel");
    parallel.args(["--will-cite", "--jobs", "2", "--joblog", "jobs.log", env!("CARGO_BIN_EXE_dac")]);
    parallel.args(encode.split(' ')).arg(":::").args((0..PARTITIONS).map(|partition| partition.to_string()));
    succeed(&mut parallel);
    assert_joined(&lab, "joined", PARTITIONS);
    // A header, and a line per partition.
    assert_eq!(String::from_utf8(lab.read("jobs.log")).unwrap().lines().count(), 1 + PARTITIONS);
}

#[test]
fn slurm_job_arrays_run_all_partitions() {
    if !is_available(
        "slurm",
        ["munged", "slurmctld", "slurmd", "sbatch", "scontrol"].into_iter().all(on_path),
    ) {
        return;
    }
    let lab = collection();
    let cluster = Cluster::start(&lab, PARTITIONS);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/user/scaling/slurm-array.sh");
    let partitions = PARTITIONS.to_string();
    cluster.run_array(PARTITIONS, 0, &[script, &partitions, "in", "joined", "--model", "tiny"]);
    assert_joined(&lab, "joined", PARTITIONS);
    // More partitions than an array can have tasks: two arrays, of which the second has tasks to spare.
    let many = PARTITIONS + 2;
    cluster.assert_refused(many);
    for offset in [0, PARTITIONS] {
        cluster.run_array(PARTITIONS, offset, &[script, &many.to_string(), "in", "many", "--model", "tiny"]);
    }
    assert_joined(&lab, "many", many);
}
