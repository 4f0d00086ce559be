//! Several processes that write to one output directory.

use std::collections::BTreeMap;
use std::process::{Child, Output, Stdio};

use serde_json::Value;

use crate::batch::{MANIFEST, manifest, tree};
use crate::support::Lab;

/// Runs a command in several processes at once.
fn run_together(lab: &Lab, commands: &[String]) -> Vec<Output> {
    let start = |command: &String| {
        lab.command(command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<Child> = commands.iter().map(start).collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

/// Asserts that each of `files` inputs is done or skipped in each process, and that no manifest line is a
/// failure.
fn assert_all_done(lab: &Lab, outputs: &[Output], files: usize, out: &str) {
    for output in outputs {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let stdout = String::from_utf8(output.stdout.clone()).unwrap();
        let records: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records.len(), files);
        assert!(records.iter().all(|record| record["status"] == "ok" || record["status"] == "skipped"));
    }
    let text = String::from_utf8(lab.read(&format!("{out}/{MANIFEST}"))).unwrap();
    let states: BTreeMap<String, usize> = text.lines().fold(BTreeMap::new(), |mut states, line| {
        let record: Value = serde_json::from_str(line).unwrap();
        *states.entry(record["status"].as_str().unwrap().to_owned()).or_default() += 1;
        states
    });
    assert_eq!(states.keys().collect::<Vec<_>>(), ["ok"], "{states:?}");
    assert_eq!(manifest(lab, &format!("{out}/{MANIFEST}")).len(), files);
}

#[test]
fn two_processes_can_write_the_same_results() {
    const FILES: usize = 60;
    let lab = Lab::new();
    for n in 0..FILES {
        lab.wav(&format!("in/{n:02}.wav"), 44100, 2000 + 40 * n, &[0.5]);
    }
    let encode = "encode in --output out --model tiny --format npy --jobs 2 --threads 2 --json".to_owned();
    // The second process begins in the middle, so that the two meet.
    let mut names: Vec<String> = (0..FILES).map(|n| format!("in/{n:02}.wav")).collect();
    names.rotate_left(FILES / 2);
    lab.put("list", names.join("\n").as_bytes());
    let from_list = encode.replace("encode in ", "encode --files-from list --root in ");
    let outputs = run_together(&lab, &[encode.clone(), from_list, encode.clone()]);
    assert_all_done(&lab, &outputs, FILES, "out");
    lab.dac(&encode.replace("--output out", "--output single")).expect(0);
    assert_eq!(tree(&lab, "out"), tree(&lab, "single"));
    lab.dac(&encode).expect(0).says(&format!("0 done, {FILES} skipped"));
}

#[test]
fn two_processes_can_make_the_same_round_trips_and_decodes() {
    const FILES: usize = 20;
    let lab = Lab::new();
    for n in 0..FILES {
        lab.wav(&format!("in/{n:02}.wav"), 44100, 2000 + 40 * n, &[0.5]);
    }
    for command in [
        "roundtrip in --output out --model tiny --format npy --jobs 2 --threads 2 --json",
        "decode out --output waves --model tiny --jobs 2 --threads 2 --json",
    ] {
        let outputs = run_together(&lab, &[command.to_owned(), command.to_owned()]);
        assert_all_done(&lab, &outputs, FILES, if command.contains("waves") { "waves" } else { "out" });
        lab.dac(command).expect(0).says(&format!("0 done, {FILES} skipped"));
    }
}

#[test]
fn a_run_and_merges_of_its_manifest_can_happen_together() {
    const FILES: usize = 40;
    let lab = Lab::new();
    for n in 0..FILES {
        lab.wav(&format!("in/{n:02}.wav"), 44100, 2000, &[0.5]);
    }
    lab.dac("encode in --output out --model tiny --format npy --partition 0/40").expect(0);
    let encode = "encode in --output out --model tiny --format npy --jobs 1 --threads 1 --json";
    let mut run = lab.command(encode).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut merges = 0;
    while run.try_wait().unwrap().is_none() {
        lab.dac("manifest merge out");
        merges += 1;
    }
    assert!(run.wait().unwrap().success() && merges > 1, "{merges}");
    lab.dac("manifest merge out");
    assert_eq!(manifest(&lab, &format!("out/{MANIFEST}")).len(), FILES);
    for record in lab.dac(encode).expect(0).records() {
        assert_eq!(record["status"], "skipped", "{record}");
    }
}
