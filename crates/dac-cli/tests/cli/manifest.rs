//! Manifests stay correct after kills, with concurrent runs, and in any order of merging.

use std::fs;

use serde_json::Value;

use crate::batch::{MANIFEST, manifest};
use crate::support::Lab;

#[test]
fn a_result_killed_before_its_rename_is_redone() {
    for format in ["safetensors", "npy", "dacp"] {
        let lab = Lab::new();
        let encode = format!("encode y.wav --output out --model tiny --format {format} --json");
        let status = || lab.dac(&encode).expect(0).records()[0]["status"].clone();
        let result = format!("out/y.{format}");
        lab.wav("y.wav", 44100, 3000, &[0.5]);
        assert_eq!(status(), "ok");
        let old = lab.read(&result);
        // Another recording of the same length.
        lab.wav("y.wav", 44100, 3000, &[0.4]);
        assert_eq!(status(), "ok");
        let new = lab.read(&result);
        assert_ne!(old, new);
        // As after a kill: the new result's record is written, the old result still has the name.
        lab.put(&result, &old);
        lab.dac(&encode).expect(0).says("changed input");
        assert!(lab.read(&result) == new, "{format}");
        assert_eq!(status(), "skipped");
        // The old tokens still match their own record, which contains the input's length.
        lab.put(&result, &old);
        let decoded = lab.dac(&format!("decode {result} --output wave --overwrite --json")).expect(0);
        assert_eq!(decoded.records()[0]["input_samples"], 3000, "{format}");
        // A file without any record is not replaced, even if its metadata match.
        lab.wav("y.wav", 44100, 3000, &[0.3]);
        lab.dac(&encode.replace("--output out", "--output elsewhere")).expect(0);
        let foreign = lab.read(&format!("elsewhere/y.{format}"));
        lab.put(&result, &foreign);
        lab.dac(&encode).expect(1).says("it was changed after it was written").says("--overwrite");
        assert!(lab.read(&result) == foreign, "{format}");
        lab.dac(&format!("{encode} --overwrite")).expect(0);
        assert_eq!(status(), "skipped");
    }
}

#[test]
fn a_merge_keeps_the_newest_record() {
    let lab = Lab::new();
    let encode = "encode in --output out --model tiny --json --jobs 1";
    let records = || lab.dac(encode).expect(0).records();
    lab.wav("in/a.wav", 44100, 3000, &[0.5]);
    lab.wav("in/b.wav", 44100, 2000, &[0.5]);
    lab.dac(&format!("{encode} --partition 0/1")).expect(0);
    let partition = manifest(&lab, "out/.dac-manifest.0-of-1.jsonl");
    lab.wav("in/a.wav", 44100, 3000, &[0.4]);
    let redone = records();
    assert_eq!((&redone[0]["status"], &redone[1]["status"]), (&"ok".into(), &"skipped".into()));
    // The partition's manifest is read after the common one, but is older.
    lab.dac("manifest merge out").expect(0);
    let merged = manifest(&lab, &format!("out/{MANIFEST}"));
    assert_eq!(merged["a.safetensors"], redone[0]);
    assert_eq!(merged["b.safetensors"], partition["b.safetensors"]);
    // A rerun of the partition uses the results of the run of the whole job.
    let again = lab.dac(&format!("{encode} --partition 0/1")).expect(0);
    assert!(again.records().iter().all(|record| record["status"] == "skipped"), "{}", again.stdout);
}

#[test]
fn an_empty_partition_is_not_missing() {
    let lab = Lab::new();
    for name in ["in/a.wav", "in/b.wav", "in/c.wav"] {
        lab.wav(name, 44100, 1000, &[0.5]);
    }
    // One file was done by a run of the whole job, so its partition adds no record.
    lab.dac("encode in/a.wav --output out --model tiny").expect(0);
    lab.dac("encode in --output out --model tiny --partition 0/8 --dry-run").expect(0);
    assert_eq!(lab.names("out"), ["a.safetensors"]);
    for partition in 0..8 {
        lab.dac(&format!("encode in --output out --model tiny --partition {partition}/8")).expect(0);
    }
    let merged = lab.dac("manifest merge out").expect(0);
    assert!(merged.stdout.contains("3 done, 0 failed, from 9 manifests"), "{}", merged.stdout);
}

#[test]
fn an_invalid_manifest_is_rejected_before_any_work() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    let victim = fs::read(lab.wav("victim.wav", 44100, 1000, &[0.5])).unwrap();
    lab.put("notes.json", b"{\"title\":\"notes\"}\n");
    fs::create_dir(lab.path("folder")).unwrap();
    let encode = "encode a.wav --output out --model tiny --json --manifest";
    for (name, part) in [
        ("missing/m.jsonl", "cannot write missing/m.jsonl"),
        ("victim.wav", "victim.wav is not a manifest"),
        ("notes.json", "notes.json is not a manifest"),
        ("folder", "folder is not a manifest (not a file)"),
    ] {
        let run = lab.dac(&format!("{encode} {name}")).expect(2);
        run.says(part);
        assert_eq!((run.stdout.as_str(), lab.names("out")), ("", vec![]), "{name}");
    }
    assert_eq!(lab.read("victim.wav"), victim);
    assert_eq!(lab.read("notes.json"), b"{\"title\":\"notes\"}\n");
    lab.dac(&format!("{encode} victim.wav --dry-run")).expect(2);
    // An empty file is a valid manifest.
    lab.put("empty.jsonl", b"");
    lab.dac(&format!("{encode} empty.jsonl")).expect(0);
    assert_eq!(manifest(&lab, "empty.jsonl").len(), 1);
    // A manifest that contains only failures is valid.
    lab.put("a.wav", b"no audio");
    lab.dac(&format!("{encode} failed.jsonl --overwrite")).expect(1);
    lab.dac(&format!("{encode} failed.jsonl --overwrite")).expect(1);
    assert_eq!(String::from_utf8(lab.read("failed.jsonl")).unwrap().lines().count(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_have_distinct_records() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let lab = Lab::new();
    // Two names with the same lossy text, and a name that looks like another's key.
    let names: [&[u8]; 4] = [b"in/a\xfe.wav", b"in/a\xff.wav", b"in/a%FF.wav", "in/é.wav".as_bytes()];
    fs::create_dir(lab.path("in")).unwrap();
    for (n, name) in names.iter().enumerate() {
        let wave = fs::read(lab.wav("wave", 44100, 3000 + 100 * n, &[0.5])).unwrap();
        fs::write(lab.path("").join(OsStr::from_bytes(name)), wave).unwrap();
    }
    let encode = "encode in --output out --model tiny --format npy --json";
    lab.dac(encode).expect(0);
    let records = manifest(&lab, &format!("out/{MANIFEST}"));
    let of = |record: &Value| {
        (record["key"].as_str().unwrap().to_owned(), record["input_samples"].as_u64().unwrap())
    };
    let expected = [("a%25FF.npy", 3200), ("a%FE.npy", 3000), ("a%FF.npy", 3100), ("é.npy", 3300)];
    assert_eq!(records.values().map(of).collect::<Vec<_>>(), expected.map(|(key, n)| (key.to_owned(), n)));
    let again = lab.dac(encode).expect(0).records();
    assert!(again.iter().all(|record| record["status"] == "skipped"), "{again:?}");
    // Tokens without metadata find their own record.
    let decoded = lab.dac("decode out --output waves --json").expect(0).records();
    let mut decoded: Vec<_> = decoded.iter().map(of).collect();
    decoded.sort();
    assert_eq!(decoded, expected.map(|(key, n)| (key.replace("npy", "wav"), n)));
}

#[test]
fn a_merge_names_missing_results_and_unfinished_partitions() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let lab = Lab::new();
    for n in 0..4 {
        lab.wav(&format!("in/{n}.wav"), 44100, 1000, &[0.5]);
    }
    let encode = |partition: &str| format!("encode in --output out --model tiny --format npy {partition}");
    lab.dac(&encode("--partition 0/1")).expect(0);
    let merged = lab.dac("manifest merge out").expect(0);
    assert!(merged.stdout.contains("4 done, 0 failed, from 1 manifests"), "{}", merged.stdout);
    fs::remove_file(lab.path("out/2.npy")).unwrap();
    let merged = lab.dac("manifest merge out").expect(1);
    assert!(merged.stdout.contains("3 done, 1 failed"), "{}", merged.stdout);
    merged.says("error: 2.npy was recorded as done, but the result is missing or differs");
    lab.dac(&encode("--partition 0/1")).expect(0);
    lab.dac("manifest merge out").expect(0);

    lab.put("in/bad.wav", b"not audio");
    lab.dac(&encode("--partition 0/1")).expect(1);
    lab.dac("manifest merge out").expect(1).says("error: in/bad.wav: not an audio file");
    fs::remove_file(lab.path("in/bad.wav")).unwrap();
    fs::remove_file(lab.path("out/.dac-manifest.0-of-1.jsonl")).unwrap();
    fs::remove_file(lab.path(&format!("out/{MANIFEST}"))).unwrap();
    lab.dac(&encode("--partition 0/1 --adopt")).expect(0).says("fits and is now listed in the manifest");
    lab.dac("manifest merge out").expect(0);
    lab.dac("manifest merge none").expect(2).says("none: no such directory");

    // An emptied manifest, and a partition that is killed while it works on a long file.
    lab.put("out/.dac-manifest.0-of-1.jsonl", b"");
    lab.dac("manifest merge out").expect(1).says("error: partition 0/1 is unfinished").says("run it again");
    lab.dac(&encode("--partition 0/1")).expect(0);
    lab.dac("manifest merge out").expect(0);
    lab.wav("in/0.wav", 44100, 1200, &[0.5]);
    lab.wav("in/long.wav", 44100, 44100 * 120, &[0.5]);
    let before = lab.read("out/0.npy");
    let mut child = lab.command(&encode("--partition 0/1 --jobs 1")).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while lab.read("out/0.npy") == before && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    lab.dac("manifest merge out").expect(1).says("error: partition 0/1 is unfinished");
}

#[test]
fn names_that_are_too_long_fail_before_the_work() {
    let lab = Lab::new();
    let wave = fs::read(lab.wav("wave", 44100, 1000, &[0.5])).unwrap();
    // With .wav the name has 254 bytes, with .safetensors more than 255.
    let stem = "n".repeat(250);
    lab.put(&format!("in/{stem}.wav"), &wave);
    lab.put("in/a.wav", &wave);
    lab.put("out/x", b"a file in the place of a folder");
    lab.put("in/x/b.wav", &wave);
    let encode = "encode in --output out --model tiny --partition 0/1 --json";
    let run = lab.dac(encode).expect(1);
    run.says(&format!("cannot write out/{stem}.safetensors: File name too long"));
    run.says("cannot write out/x/b.safetensors: Not a directory").says("1 done, 0 skipped, 2 failed");
    let records = manifest(&lab, "out/.dac-manifest.0-of-1.jsonl");
    let failed = records.values().filter(|record| record["status"] == "error").count();
    assert_eq!((records.len(), failed), (3, 2));
    let merged = lab.dac("manifest merge out").expect(1);
    assert!(merged.stdout.contains("1 done, 2 failed"), "{}", merged.stdout);
}

#[test]
fn a_clock_that_was_set_back_does_not_lose_the_newest_result() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 3000, &[0.5]);
    let encode = "encode in --output out --model tiny --format npy --json";
    lab.dac(&format!("{encode} --partition 0/1")).expect(0);
    fs::remove_file(lab.path("out/a.npy")).unwrap();
    lab.dac(encode).expect(0);
    // Two records in the common manifest, the second two hours older by its clock.
    lab.wav("in/a.wav", 44100, 3000, &[0.4]);
    lab.dac(encode).expect(0);
    let path = format!("out/{MANIFEST}");
    let text = String::from_utf8(lab.read(&path)).unwrap();
    let mut records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = records.last_mut().unwrap();
    last["finished_s"] = (last["finished_s"].as_f64().unwrap() - 7200.0).into();
    let (newest, lines) = (last.clone(), records.iter().map(|record| format!("{record}\n")));
    lab.put(&path, lines.collect::<String>().as_bytes());
    lab.dac("manifest merge out").expect(0);
    assert_eq!(manifest(&lab, &path)["a.npy"]["output_sha256"], newest["output_sha256"]);
    fs::remove_file(lab.path("out/.dac-manifest.0-of-1.jsonl")).unwrap();
    assert_eq!(lab.dac(encode).expect(0).records()[0]["status"], "skipped");
}
