//! Batches: inputs, reruns, and interrupted or killed runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Lab, Run, wav_bytes, wav_file};

pub(crate) const MANIFEST: &str = ".dac-manifest.jsonl";

/// Last record of each key in a manifest. Marks of runs have no key.
pub(crate) fn manifest(lab: &Lab, name: &str) -> BTreeMap<String, Value> {
    let text = String::from_utf8(lab.read(name)).unwrap();
    let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let records = records.filter(|record| record.get("run").is_none());
    records.map(|record| (record["key"].as_str().unwrap().to_owned(), record)).collect()
}

/// Content of all files below a directory except manifests, by relative path.
pub(crate) fn tree(lab: &Lab, folder: &str) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        // A run that was killed early has not created the directory.
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                walk(root, &path, files);
            } else if !name.starts_with(".dac-manifest") {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(&lab.path(folder), &lab.path(folder), &mut files);
    files
}

pub(crate) fn statuses(run: &Run) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    run.records().iter().map(|record| (text(&record["key"]), text(&record["status"]))).collect()
}

#[test]
fn folders_patterns_and_lists_select_inputs() {
    let lab = Lab::new();
    for name in ["in/a.wav", "in/x/a.wav", "in/x/y/b.wav"] {
        lab.wav(name, 44100, 1500, &[0.5]);
    }
    lab.put("in/readme.txt", b"text");
    let run = lab.dac("encode in --output out --model tiny --json").expect(0);
    run.says("ignored files with other extensions: .txt (1)").says("3 done, 0 skipped, 0 failed");
    let expected = ["a.safetensors", "x/a.safetensors", "x/y/b.safetensors"];
    assert_eq!(tree(&lab, "out").keys().collect::<Vec<_>>(), expected);
    let records = manifest(&lab, &format!("out/{MANIFEST}"));
    assert_eq!(records.keys().collect::<Vec<_>>(), expected);
    // The manifest contains the printed records.
    for record in run.records() {
        assert_eq!(records[record["key"].as_str().unwrap()], record);
        assert_eq!(record["output_bytes"], lab.read(record["output"].as_str().unwrap()).len());
    }

    lab.put("list", b"in/x/a.wav\nin/gone.wav\n");
    let run = lab.dac("encode in/x/**/b.wav --files-from list --output some --model tiny --json").expect(1);
    assert_eq!(tree(&lab, "some").keys().collect::<Vec<_>>(), ["in/x/a.safetensors", "y/b.safetensors"]);
    assert_eq!(statuses(&run)["in/gone.safetensors"], "error");
    run.says("in/gone.wav: no such file");
    // Decode the directory of tokens.
    lab.dac("decode out --output wave --keep-extension").expect(0);
    let waves: Vec<_> = tree(&lab, "wave").into_keys().collect();
    assert_eq!(waves, ["a.safetensors.wav", "x/a.safetensors.wav", "x/y/b.safetensors.wav"]);

    for (arguments, part) in [
        ("encode --output out --model tiny", "no inputs"),
        ("encode - --jobs 2", "options for batches"),
        ("encode in --output out --model tiny --partition 2/2", "expected I/N"),
        ("encode in/a.wav in/x/a.wav --output out --model tiny", "--keep-extension"),
    ] {
        lab.dac(arguments).expect(2).says(part);
    }
}

#[test]
fn a_dry_run_reports_the_jobs_and_writes_nothing() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 1500, &[0.5]);
    lab.wav("in/b.wav", 44100, 1500, &[0.5]);
    let run = lab.dac("encode in --output out --model tiny --dry-run").expect(0);
    assert!(run.stdout.contains("in/a.wav: -> out/a.safetensors"), "{}", run.stdout);
    assert!(!lab.path("out").exists());
    lab.dac("encode in/a.wav --output out --model tiny").expect(0);
    let before = lab.read(&format!("out/{MANIFEST}"));
    let run = lab.dac("encode in --output out --model tiny --dry-run --json").expect(0);
    assert_eq!(statuses(&run).into_values().collect::<Vec<_>>(), ["skipped", "planned"]);
    run.says("1 to do, 1 up to date");
    let run = lab.dac("encode in --output out --model tiny --dry-run --quantizers 2").expect(0);
    assert!(run.stdout.contains("changed codebooks"), "{}", run.stdout);
    assert_eq!(lab.read(&format!("out/{MANIFEST}")), before);
    assert_eq!(lab.names("out"), ["a.safetensors"]);
}

#[test]
fn a_rerun_uses_the_manifest_for_formats_without_metadata() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    let encode = "encode a.wav --output out --model tiny --json --format npy";
    let status = |more: &str| lab.dac(&format!("{encode} {more}")).expect(0).records()[0]["status"].clone();
    assert_eq!(status(""), "ok");
    assert_eq!(status(""), "skipped");
    // Settings that do not change the array's shape count as well.
    assert_eq!(status("--precision exact"), "ok");
    assert_eq!(status("--precision exact"), "skipped");
    assert_eq!(status("--precision exact --dtype i64"), "ok");
    assert_eq!(status(""), "ok");
    // An input with a new time stamp is unchanged if its content is; other content of the same size is a
    // change.
    lab.wav("a.wav", 44100, 3000, &[0.5]);
    assert_eq!(status(""), "skipped");
    lab.wav("a.wav", 44100, 3000, &[0.4]);
    assert_eq!(status(""), "ok");
    // Results that were changed or are not in a manifest are not replaced.
    let whole = lab.read("out/a.npy");
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    lab.put("out/a.npy", &changed);
    lab.dac(encode).expect(1).says("it was changed after it was written").says("--overwrite");
    assert_eq!(lab.read("out/a.npy"), changed);
    lab.put("out/a.npy", &whole);
    assert_eq!(status(""), "skipped");
    fs::rename(lab.path(&format!("out/{MANIFEST}")), lab.path("elsewhere.jsonl")).unwrap();
    lab.dac(encode).expect(1).says("no manifest lists it");
    assert_eq!(status("--manifest elsewhere.jsonl"), "skipped");
    // A truncated line is ignored; other records remain valid.
    fs::write(lab.path(&format!("out/{MANIFEST}")), "{\"key\":\"a.np").unwrap();
    let run = lab.dac(&format!("{encode} --overwrite")).expect(0);
    run.says("ignored 1 damaged lines of the manifests in out");
    assert_eq!(manifest(&lab, &format!("out/{MANIFEST}"))["a.npy"]["status"], "ok");
    assert_eq!(status(""), "skipped");
}

#[test]
fn results_do_not_depend_on_jobs_and_threads() {
    let lab = Lab::new();
    for n in 0..5 {
        lab.wav(&format!("in/{n}.wav"), 44100, 3000 + 700 * n, &[0.5]);
    }
    let run = |name: &str, more: &str| {
        lab.dac(&format!("encode in --output {name} --model tiny --format npy {more}")).expect(0);
        tree(&lab, name)
    };
    let expected = run("one", "--jobs 1 --threads 1");
    assert_eq!(expected.len(), 5);
    assert_eq!(run("files", "--jobs 3 --threads 3"), expected);
    assert_eq!(run("within", "--jobs 1 --threads 3"), expected);
    assert_eq!(run("more", "--jobs 9"), expected);
}

#[test]
fn partitions_share_a_folder_and_can_be_merged() {
    let lab = Lab::new();
    for n in 0..6 {
        lab.wav(&format!("in/{n}.wav"), 44100, 1000, &[0.5]);
    }
    lab.put("in/bad.wav", b"");
    lab.dac("encode in --output whole --model tiny").expect(1);
    // --shard is the former name of the option.
    for option in ["--partition 0/3", "--shard 2/3"] {
        lab.dac(&format!("encode in --output out --model tiny {option}"));
    }
    lab.dac("manifest merge out").expect(1).says("the manifest of partition 1/3 is missing");
    lab.dac("encode in --output out --model tiny --partition 1/3");
    let merged = lab.dac("manifest merge out").expect(1);
    assert!(merged.stdout.contains("6 done, 1 failed, from 4 manifests"), "{}", merged.stdout);
    assert_eq!(tree(&lab, "out"), tree(&lab, "whole"));
    let (whole, parts) =
        (manifest(&lab, &format!("whole/{MANIFEST}")), manifest(&lab, &format!("out/{MANIFEST}")));
    assert_eq!(whole.keys().collect::<Vec<_>>(), parts.keys().collect::<Vec<_>>());
    // A run of the whole job reuses the results of the partitions.
    let again = lab.dac("encode in --output out --model tiny --json").expect(1);
    assert_eq!(statuses(&again).values().filter(|status| *status == "skipped").count(), 6);
    lab.dac("manifest merge in").expect(3).says("contains no manifest of a partition");
}

/// Creates files of many kinds, some of them invalid or unusual. Returns the number of expected errors.
pub(crate) fn collection(lab: &Lab, files: usize) -> usize {
    let whole = wav_bytes(22050, 3000, &[0.5]);
    let mut errors = 0;
    for n in 0..files {
        let name = format!("in/s{}/{n:03}", n % 7);
        let kind = if n % 10 < 3 { n % 12 } else { 99 };
        errors += usize::from(kind <= 7);
        match kind {
            0 => lab.put(&format!("{name}.wav"), b""),
            1 => lab.put(&format!("{name}.wav"), b"not audio at all\n"),
            2 => lab.put(&format!("{name}.wav"), &whole[..20]),
            3 => lab.put(&format!("{name}.flac"), b"fLaC\0\0\0"),
            4 => lab.put(&format!("{name}.wav"), &wav_file(1, 44100, 1, 16, &[])),
            5 => lab.put(&format!("{name}.wav"), &wav_file(3, 44100, 1, 32, &f32::NAN.to_le_bytes())),
            6 => lab.put(&format!("{name}.mp3"), &[0xff; 600]),
            7 => lab.put(&format!("{name}.ogg"), b"OggS but no more"),
            // Unusual, but valid: truncated, one sample, many channels, a low rate.
            8 => lab.put(&format!("{name}.wav"), &whole[..whole.len() - 7]),
            9 => lab.wav(&format!("{name}.wav"), 44100, 1, &[0.5]),
            10 => lab.wav(&format!("{name}.wav"), 8000, 500, &[0.1; 6]),
            11 => lab.wav(&format!("{name}.wav"), 4000, 300, &[0.5]),
            _ => lab.wav(&format!("{name}.wav"), 16000 + 100 * n as u32, 1500 + 20 * n, &[0.5, 0.2]),
        };
    }
    errors
}

/// Runs a command repeatedly and kills it at moments spread over `whole_run`, until `times` runs were killed.
/// Calls `check` after each.
pub(crate) fn kill(lab: &Lab, command: &str, out: &str, whole_run: Duration, times: usize, check: impl Fn()) {
    let mut kills = 0;
    for attempt in 0..4 * times {
        if kills == times {
            break;
        }
        if attempt % 4 == 3 {
            // Start from scratch, because otherwise all late kills would happen while the manifest is read.
            fs::remove_dir_all(lab.path(out)).ok();
        }
        let mut child = lab.command(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = whole_run.mul_f64(((kills * 7 + attempt) % 10) as f64 / 10.0 + 0.05);
        std::thread::sleep(moment.min(Duration::from_secs(60)));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        check();
    }
    assert_eq!(kills, times, "the runs ended before they could be killed");
}

#[test]
fn a_batch_killed_at_any_moment_can_be_resumed() {
    let lab = Lab::new();
    let errors = collection(&lab, 200);
    let encode =
        |out: &str| format!("encode in --output {out} --model tiny --format npy --jobs 2 --threads 2");
    let started = Instant::now();
    lab.dac(&encode("whole")).expect(1).says(&format!("{} done, 0 skipped, {errors} failed", 200 - errors));
    let whole_run = started.elapsed();
    let expected = tree(&lab, "whole");
    assert_eq!(expected.len(), 200 - errors);

    kill(&lab, &encode("out"), "out", whole_run, 10, || {
        // Files under their final names are complete.
        for (name, bytes) in tree(&lab, "out").iter().filter(|(name, _)| !name.starts_with(".dac-work")) {
            assert_eq!(Some(bytes), expected.get(name), "{name}");
        }
    });
    let run = lab.dac(&format!("{} --json", encode("out"))).expect(1);
    assert_eq!(tree(&lab, "out"), expected);
    assert_eq!(run.records().len(), 200);
    let failed = |records: &BTreeMap<String, Value>| {
        records
            .iter()
            .filter(|(_, record)| record["status"] == "error")
            .map(|(key, _)| key.clone())
            .collect::<Vec<_>>()
    };
    let (whole, out) =
        (manifest(&lab, &format!("whole/{MANIFEST}")), manifest(&lab, &format!("out/{MANIFEST}")));
    assert_eq!(whole.keys().collect::<Vec<_>>(), out.keys().collect::<Vec<_>>());
    assert_eq!(failed(&whole), failed(&out));
    for (key, record) in &out {
        assert_eq!(record["output_sha256"], whole[key]["output_sha256"], "{key}");
    }
    let again = lab.dac(&encode("out")).expect(1);
    again.says(&format!("0 done, {} skipped, {errors} failed", 200 - errors));
}

#[cfg(unix)]
#[test]
fn a_signal_discards_unfinished_and_keeps_finished_results() {
    let lab = Lab::new();
    lab.wav("in/0.wav", 44100, 2000, &[0.5]);
    for n in 1..4 {
        lab.wav(&format!("in/{n}.wav"), 44100, 44100 * 120, &[0.5]);
    }
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let out = format!("out{code}");
        let child = lab
            .command(&format!("encode in --output {out} --model tiny --jobs 1 --threads 1"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while !lab.path(&format!("{out}/0.safetensors")).exists() {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(5));
        }
        let id = child.id().to_string();
        assert!(
            std::process::Command::new("kill")
                .args([format!("-{signal}").as_str(), &id])
                .status()
                .unwrap()
                .success()
        );
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains("1 done, 0 skipped, 0 failed") && stderr.contains("3 of 4 files remaining"),
            "{stderr}"
        );
        assert_eq!(lab.names(&out), ["0.safetensors"]);
        assert_eq!(manifest(&lab, &format!("{out}/{MANIFEST}")).len(), 1);
    }
}
