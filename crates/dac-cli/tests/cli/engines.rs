//! One job cut into shards that an engine starts: together they give what one plain run gives, each file once.

mod slurm;

use std::process::Command;

use serde_json::Value;

use crate::batch::{MANIFEST, tree};
use crate::needs::{needs, on_path};
use crate::support::Lab;
use slurm::Cluster;

const SHARDS: usize = 4;
const FILES: usize = 9;

/// Short recordings of several rates in two folders, encoded by one plain run into `plain`.
fn collection() -> Lab {
    let lab = Lab::new();
    for n in 0..FILES {
        let (folder, rate_hz) = (["a", "b"][n % 2], [8_000, 16_000, 44_100][n % 3]);
        lab.wav(&format!("in/{folder}/{n}.wav"), rate_hz, 3_000 + 700 * n, &[0.5]);
    }
    lab.dac("encode in --output plain --model tiny").expect(0);
    lab
}

/// Merges the shards' manifests in `joined` and holds that folder against `plain`.
fn assert_joined(lab: &Lab) {
    let names = lab.names("joined");
    for shard in 0..SHARDS {
        let name = format!(".dac-manifest.{shard}-of-{SHARDS}.jsonl");
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    lab.dac("manifest merge joined").expect(0);
    assert_eq!(entries(lab, "joined"), entries(lab, "plain"));
    let (joined, plain) = (tree(lab, "joined"), tree(lab, "plain"));
    assert_eq!(joined.keys().collect::<Vec<_>>(), plain.keys().collect::<Vec<_>>());
    assert_eq!(plain.len(), FILES);
    for (name, bytes) in &plain {
        assert!(joined[name] == *bytes, "{name} is another file than the plain run's");
    }
}

/// What a manifest says of each file, sorted by key: status and hash. A file twice is there twice.
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

/// Runs a command that has to succeed, and gives what it said.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

#[test]
fn gnu_parallel_runs_the_shards_of_one_job() {
    if !needs("parallel", on_path("parallel")) {
        return;
    }
    let lab = collection();
    let shard = format!("encode in --output joined --model tiny --threads 1 --shard {{}}/{SHARDS}");
    let mut parallel = lab.program("parallel");
    parallel.args(["--will-cite", "--jobs", "2", "--joblog", "jobs.log", env!("CARGO_BIN_EXE_dac")]);
    parallel.args(shard.split(' ')).arg(":::").args((0..SHARDS).map(|shard| shard.to_string()));
    succeed(&mut parallel);
    assert_joined(&lab);
    // A title, and a line a shard.
    assert_eq!(String::from_utf8(lab.read("jobs.log")).unwrap().lines().count(), 1 + SHARDS);
}

#[test]
fn a_slurm_job_array_runs_the_shards_of_one_job() {
    if !needs("slurm", ["munged", "slurmctld", "slurmd", "sbatch", "scontrol"].into_iter().all(on_path)) {
        return;
    }
    let lab = collection();
    let cluster = Cluster::start(&lab);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scaling/slurm-array.sh");
    let shards = SHARDS.to_string();
    cluster.run_array(SHARDS, &[script, &shards, "in", "joined", "--model", "tiny"]);
    assert_joined(&lab);
}
