//! `--pack`: content of shards, each input exactly once.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::time::Instant;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};
use serde_json::Value;

use crate::batch::{MANIFEST, collection, kill, manifest, tree};
use crate::support::{Lab, Run};

/// Members of all tar shards in a directory, by shard.
fn tars(lab: &Lab, folder: &str) -> BTreeMap<String, Vec<(String, Vec<u8>)>> {
    let shards = lab.names(folder).into_iter().filter(|name| name.ends_with(".tar"));
    let members = |name: String| {
        let bytes = lab.read(&format!("{folder}/{name}"));
        let mut archive = tar::Archive::new(bytes.as_slice());
        let member = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
        };
        let members = archive.entries().unwrap().map(member).collect();
        (name, members)
    };
    shards.map(members).collect()
}

/// Token files in all tar shards, by name, in the form of [`tree`]; each must occur once.
pub(crate) fn tokens(lab: &Lab, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut tokens = BTreeMap::new();
    for (name, bytes) in tars(lab, folder).into_values().flatten() {
        if !name.ends_with(".json") {
            assert!(tokens.insert(name.clone(), bytes).is_none(), "{name} occurs twice");
        }
    }
    tokens
}

/// Asserts that each record names the shard with its key and that shard's hash.
pub(crate) fn assert_manifest(lab: &Lab, folder: &str, name: &str) {
    let tars = tars(lab, folder);
    for (key, record) in manifest(lab, &format!("{folder}/{name}")) {
        if record["status"] == "error" {
            assert!(record["pack"].is_null(), "{record}");
            continue;
        }
        let pack = record["pack"].as_str().unwrap();
        assert!(tars[pack].iter().any(|(name, _)| *name == format!("{key}.json")), "{key} in {pack}");
        let path = lab.path(&format!("{folder}/{pack}"));
        let found = dac::weights::sha256_of_file(&path).unwrap();
        assert_eq!(record["output_sha256"].as_str(), Some(found.as_str()), "{key}");
        assert_eq!(record["output_bytes"], fs::metadata(path).unwrap().len());
        assert_eq!(record["output"], format!("{folder}/{pack}"));
    }
}

fn statuses(run: &Run) -> Vec<String> {
    run.records().iter().map(|record| record["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn tar_shards_contain_the_token_files() {
    let lab = Lab::new();
    for (name, samples) in [("in/a.wav", 1500), ("in/x/a.wav", 2500), ("in/x/take.2.wav", 900)] {
        lab.wav(name, 44100, samples, &[0.5]);
    }
    lab.put("in/bad.wav", b"no audio");
    lab.dac("encode in --output plain --model tiny --format npy").expect(1);
    let encode = "encode in --output out --model tiny --pack tar --jobs 1 --json";
    let planned = lab.dac(&format!("{encode} --dry-run")).expect(0);
    assert_eq!(statuses(&planned), ["planned"; 4]);
    assert!(!lab.path("out").exists());
    let run = lab.dac(&format!("{encode} --pack-entries 2")).expect(1);
    run.says("3 done, 0 skipped, 1 failed");
    assert_eq!(lab.names("out"), ["tokens-000000.tar", "tokens-000001.tar"]);
    let plain = tree(&lab, "plain");
    let expected: BTreeMap<_, _> =
        plain.into_iter().map(|(name, bytes)| (name.replace("take.2", "take%2E2"), bytes)).collect();
    assert_eq!(tokens(&lab, "out"), expected);
    assert_manifest(&lab, "out", MANIFEST);
    let records = manifest(&lab, &format!("out/{MANIFEST}"));
    assert_eq!(records.keys().collect::<Vec<_>>(), ["a", "bad", "x/a", "x/take%2E2"]);
    for record in run.records() {
        assert_eq!(records[record["key"].as_str().unwrap()], record);
    }
    let metadata = tars(&lab, "out").into_values().flatten().find(|(name, _)| name == "x/a.json").unwrap().1;
    let metadata: Value = serde_json::from_slice(&metadata).unwrap();
    assert_eq!((&metadata["model"], &metadata["input_samples"]), (&"tiny".into(), &2500.into()));

    // Another format, and a limit so small that each shard has one entry.
    lab.dac("encode in/x --output dacp --model tiny --pack tar --format dacp --pack-bytes 1").expect(0);
    assert_eq!(lab.names("dacp"), ["tokens-000000.tar", "tokens-000001.tar"]);
    lab.dac("encode in/x --output files --model tiny --format dacp").expect(0);
    assert_eq!(tokens(&lab, "dacp")["a.dacp"], lab.read("files/a.dacp"));
}

#[test]
fn parquet_files_contain_the_codes() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 3000, &[0.5]);
    lab.wav("in/b.wav", 44100, 1000, &[0.5, 0.2]);
    lab.dac("encode in --output out --model tiny --pack parquet --channels keep --jobs 1").expect(0);
    lab.dac("encode in --output plain --model tiny --format npy --channels keep").expect(0);
    let file = fs::File::open(lab.path("out/tokens-000000.parquet")).unwrap();
    let mut keys = Vec::new();
    for row in SerializedFileReader::new(file).unwrap().get_row_iter(None).unwrap() {
        let row = row.unwrap();
        keys.push(row.get_string(0).unwrap().clone());
        let mut codes = Vec::new();
        for list in row.get_list(1).unwrap().elements() {
            let Field::ListInternal(list) = list else { panic!("{list:?}") };
            for code in list.elements() {
                let Field::UShort(code) = code else { panic!("{code:?}") };
                codes.extend(code.to_le_bytes());
            }
        }
        let npy = lab.read(&format!("plain/{}.npy", keys.last().unwrap()));
        assert!(!codes.is_empty() && npy.ends_with(&codes));
        assert_eq!(npy.len() % 64, codes.len() % 64, "the header is a multiple of 64 bytes");
    }
    assert_eq!(keys, ["a", "b"]);
    lab.dac("encode in --output out --model tiny --pack parquet --channels keep")
        .expect(0)
        .says("0 done, 2 skipped");
}

#[test]
fn a_rerun_adds_new_shards_and_replaces_none() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 1500, &[0.5]);
    lab.wav("in/b.wav", 44100, 1700, &[0.5]);
    let encode = "encode in --output out --model tiny --pack tar --json";
    lab.dac(encode).expect(0);
    let first = lab.read("out/tokens-000000.tar");
    assert_eq!(statuses(&lab.dac(encode).expect(0)), ["skipped", "skipped"]);
    lab.wav("in/c.wav", 44100, 900, &[0.5]);
    lab.dac(encode).expect(0).says("1 done, 2 skipped");
    assert_eq!(lab.names("out"), ["tokens-000000.tar", "tokens-000001.tar"]);
    assert_eq!(lab.read("out/tokens-000000.tar"), first);

    // Other settings or inputs are errors that name the shard.
    let run = lab.dac(&format!("{encode} --quantizers 2")).expect(1);
    run.says("out/tokens-000000.tar contains a but it differs in codebooks").says("another --output");
    lab.wav("in/b.wav", 44100, 1700, &[0.4]);
    lab.dac(encode)
        .expect(1)
        .says("out/tokens-000000.tar contains b but it differs in input")
        .says("2 skipped, 1 failed");
    lab.wav("in/b.wav", 44100, 1700, &[0.5]);
    assert_eq!(lab.read("out/tokens-000000.tar"), first);

    // A changed shard is an error; the entries of a missing shard are written again.
    let mut changed = first.clone();
    changed[600] ^= 1;
    lab.put("out/tokens-000000.tar", &changed);
    let run = lab.dac(encode).expect(1);
    run.says("out/tokens-000000.tar contains a but was changed since").says("1 skipped, 2 failed");
    fs::remove_file(lab.path("out/tokens-000000.tar")).unwrap();
    lab.dac(encode).expect(0).says("2 done, 1 skipped");
    assert_eq!(lab.names("out"), ["tokens-000001.tar", "tokens-000002.tar"]);
    assert_eq!(tokens(&lab, "out").len(), 3);
    assert_manifest(&lab, "out", MANIFEST);

    // A shard without a manifest would be written a second time.
    fs::remove_file(lab.path(&format!("out/{MANIFEST}"))).unwrap();
    for encode in [encode.to_owned(), format!("{encode} --dry-run")] {
        lab.dac(&encode).expect(2).says("out/tokens-000001.tar exists but no manifest lists it");
    }
    for (more, part) in [
        ("--pack tar --overwrite", "entries of a pack cannot be replaced"),
        ("--pack parquet --format dacp", "--pack parquet cannot be combined with --format"),
        ("--pack parquet --save codes,z", "stores only codes"),
        ("--pack-entries 5", "--pack"),
    ] {
        lab.dac(&format!("encode in --output new --model tiny {more}")).expect(2).says(part);
    }
    let piped = lab.run_with("encode - --model tiny --pack tar", b"");
    assert_eq!(piped.status.code(), Some(2));
}

#[test]
fn each_partition_has_its_own_shards() {
    let lab = Lab::new();
    for n in 0..6 {
        lab.wav(&format!("in/{n}.wav"), 44100, 1000 + n, &[0.5]);
    }
    lab.dac("encode in --output plain --model tiny --format npy").expect(0);
    for partition in 0..3 {
        lab.dac(&format!("encode in --output out --model tiny --pack tar --partition {partition}/3"))
            .expect(0);
    }
    let shards = lab.names("out").into_iter().filter(|name| name.ends_with(".tar"));
    assert!(shards.clone().all(|name| name.contains("-of-3-000000.tar")), "{:?}", lab.names("out"));
    assert!(shards.count() > 1);
    assert_eq!(tokens(&lab, "out"), tree(&lab, "plain"));
    lab.dac("manifest merge out").expect(0);
    assert_manifest(&lab, "out", MANIFEST);
    // A run of the whole job uses them.
    lab.dac("encode in --output out --model tiny --pack tar").expect(0).says("0 done, 6 skipped");
}

#[test]
fn records_of_an_unpublished_shard_do_not_hide_those_of_a_published_one() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 1500, &[0.5]);
    lab.wav("in/b.wav", 44100, 1700, &[0.5]);
    let encode = "encode in --output out --model tiny --pack tar --json";
    lab.dac(encode).expect(0);
    let whole = lab.read("out/tokens-000000.tar");
    // As after a kill before the rename: newer records for the same name, but with another hash.
    let mut text = String::from_utf8(lab.read(&format!("out/{MANIFEST}"))).unwrap();
    for line in text.clone().lines() {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record["output_sha256"] = "0".repeat(64).into();
        record["finished_s"] = (record["finished_s"].as_f64().unwrap_or(0.0) + 1.0).into();
        text += &format!("{record}\n");
    }
    lab.put(&format!("out/{MANIFEST}"), text.as_bytes());
    let run = lab.dac(encode).expect(0);
    assert_eq!(statuses(&run), ["skipped"; 2]);
    assert!(run.records().iter().all(|record| record["output_sha256"] != "0".repeat(64)));
    assert_eq!(lab.names("out"), ["tokens-000000.tar"]);
    assert_eq!(lab.read("out/tokens-000000.tar"), whole);
}

#[test]
fn only_one_process_writes_a_pack() {
    use std::process::Stdio;
    use std::time::Duration;

    let lab = Lab::new();
    lab.wav("in/0.wav", 44100, 2000, &[0.5]);
    lab.wav("long/1.wav", 44100, 44100 * 120, &[0.5]);
    let encode =
        |what: &str| format!("encode {what} --output out --model tiny --pack tar --jobs 1 --threads 1");
    let mut owner = lab.command(&encode("in long")).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while lab.names("out/.dac-work").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    let refused = lab.dac(&encode("in --json")).expect(3);
    refused.says("out: another process packs into this directory");
    assert_eq!(refused.stdout, "");
    // Dry runs, runs without packs, and partitions, which have their own shards, are allowed.
    lab.dac(&encode("in --dry-run")).expect(0);
    lab.dac("encode in --output out --model tiny").expect(0);
    lab.dac(&encode("in --partition 0/1")).expect(0).says("0.wav");
    assert!(owner.try_wait().unwrap().is_none(), "the owner ended too early for this test");
    owner.kill().unwrap();
    owner.wait().unwrap();
    lab.dac(&encode("in")).expect(0).says("tokens-0-of-1-000000.tar");
}

#[test]
fn a_pack_killed_at_any_moment_can_be_resumed() {
    let lab = Lab::new();
    let errors = collection(&lab, 80);
    lab.dac("encode in --output plain --model tiny --format npy").expect(1);
    let expected = tree(&lab, "plain");
    let encode = |out: &str| {
        format!("encode in --output {out} --model tiny --pack tar --pack-entries 5 --jobs 2 --threads 2")
    };
    let started = Instant::now();
    lab.dac(&encode("whole")).expect(1);
    let whole_run = started.elapsed();
    assert_eq!(tokens(&lab, "whole"), expected);
    kill(&lab, &encode("out"), "out", whole_run, 6, || {
        // Files under their final names are complete.
        for (name, bytes) in tokens(&lab, "out") {
            assert_eq!(Some(&bytes), expected.get(&name), "{name}");
        }
    });
    lab.dac(&encode("out")).expect(1);
    assert_eq!(tokens(&lab, "out"), expected);
    assert_manifest(&lab, "out", MANIFEST);
    let shards = tars(&lab, "out");
    for (number, shard) in shards.keys().enumerate() {
        assert_eq!(*shard, format!("tokens-{number:06}.tar"), "shard numbers must have no gaps");
    }
    assert_eq!(lab.names("out"), shards.into_keys().collect::<Vec<_>>(), "no other files may remain");
    let again = lab.dac(&encode("out")).expect(1);
    again.says(&format!("0 done, {} skipped, {errors} failed", 80 - errors));
}

#[cfg(unix)]
#[test]
fn a_signal_closes_the_open_shard() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let lab = Lab::new();
    lab.wav("in/0.wav", 44100, 2000, &[0.5]);
    for n in 1..3 {
        lab.wav(&format!("in/{n}.wav"), 44100, 44100 * 120, &[0.5]);
    }
    let encode = "encode in --output out --model tiny --pack tar --jobs 1 --threads 1";
    let child = lab.command(encode).stderr(Stdio::piped()).spawn().unwrap();
    // The shard is created for the first entry; the next one takes seconds.
    let began = Instant::now();
    let is_shard = |name: &String| name.starts_with(".dac-work") && !name.ends_with("lock");
    while !tree(&lab, "out").keys().any(is_shard) {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("1 done, 0 skipped, 0 failed") && stderr.contains("2 of 3 files remaining"),
        "{stderr}"
    );
    assert_eq!(lab.names("out"), ["tokens-000000.tar"]);
    assert_eq!(tokens(&lab, "out").into_keys().collect::<Vec<_>>(), ["0.npy"]);
    assert_manifest(&lab, "out", MANIFEST);
}

#[cfg(unix)]
#[test]
fn shards_are_closed_by_time() {
    use std::process::Stdio;
    use std::time::Duration;

    let lab = Lab::new();
    for n in 0..3 {
        lab.wav(&format!("in/{n}.wav"), 44100, 1000, &[0.5]);
    }
    lab.wav("in/long.wav", 44100, 44100 * 120, &[0.5]);
    let encode = "encode in --output out --model tiny --pack tar --pack-entries 100000 --jobs 1 --threads 1";
    // The shard is closed while the long file is encoded, so that a kill loses only that.
    let limited = format!("{encode} --max-shard-minutes 0.005");
    let mut child = lab.command(&limited).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while tokens(&lab, "out").len() < 3 && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(child.try_wait().unwrap().is_none(), "the run ended too early for this test");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_manifest(&lab, "out", MANIFEST);
    fs::remove_file(lab.path("in/long.wav")).unwrap();
    lab.dac(encode).expect(0).says("0 done, 3 skipped");
    // By default short runs have one shard.
    lab.dac(&encode.replace("--output out", "--output whole")).expect(0);
    assert_eq!(lab.names("whole"), ["tokens-000000.tar"]);
    lab.dac(&format!("{encode} --max-shard-minutes 0")).expect(2).says("--max-shard-minutes");
}
