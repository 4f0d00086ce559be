//! `dac doctor`: checks of devices and cached weights.

use std::fs;

use serde_json::Value;

use crate::support::{Lab, Run};

/// SHA-256 of the letter x.
const X_SHA256: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
/// SHA-256 of the authors' 24 kHz weights.
const KHZ24_SHA256: &str = "44bad592fc393e03eb0be7a5120b7d487fe9612fa41269dc03fca3d4b87e20ad";

fn record(run: &Run) -> Value {
    let mut records = run.records();
    assert_eq!(records.len(), 1, "{}", run.stdout);
    records.remove(0)
}

fn device<'a>(record: &'a Value, name: &str) -> &'a Value {
    let mut devices = record["devices"].as_array().unwrap().iter();
    devices.find(|check| check["device"] == name).unwrap_or_else(|| panic!("no {name} in {record}"))
}

/// Check of the file whose path ends with `name`.
fn file<'a>(record: &'a Value, name: &str) -> &'a Value {
    let mut files = record["cache"]["files"].as_array().unwrap().iter();
    let is_it = |check: &&Value| check["path"].as_str().unwrap().ends_with(name);
    files.find(is_it).unwrap_or_else(|| panic!("no {name} in {record}"))
}

#[test]
fn all_checks_pass_on_a_working_machine_with_empty_caches() {
    let lab = Lab::new();
    let run = lab.dac("doctor --json").expect(0);
    let record = record(&run);
    assert_eq!((&record["status"], &record["version"]), (&"ok".into(), &env!("CARGO_PKG_VERSION").into()));
    let cpu = &record["cpu"];
    assert!(cpu["cores"].as_u64().unwrap() > 0 && cpu["threads"].as_u64().unwrap() > 0, "{cpu}");
    let levels = cpu["levels"].as_array().unwrap();
    assert!(levels.contains(&"portable".into()) && levels.contains(&cpu["level"]), "{cpu}");

    let checks = record["devices"].as_array().unwrap();
    let engines: Vec<_> = checks.iter().filter(|check| check["device"] == "cpu").collect();
    assert_eq!(engines.len(), levels.len());
    assert_eq!(
        (&engines[0]["cpu_level"], &engines[0]["compared_with"]),
        (&cpu["level"], &"reference".into())
    );
    for check in checks {
        match check["compiled"].as_bool().unwrap() && check["found"] != false {
            true => {
                assert_eq!((&check["status"], &check["found"]), (&"ok".into(), &true.into()), "{check}");
                assert_eq!((&check["codes"], &check["codes_different"]), (&108.into(), &0.into()), "{check}");
                assert!(check["audio_difference"].as_f64().unwrap() <= 1e-4, "{check}");
            }
            false => assert!(check["status"] == "skipped" && check["error"].is_string(), "{check}"),
        }
    }
    // Another implementation rounds differently; a difference of 0 would mean that nothing was compared.
    let flex = device(&record, "flex");
    assert_eq!((&flex["compiled"], &flex["compared_with"]), (&true.into(), &"cpu".into()));
    assert!(flex["audio_difference"].as_f64().unwrap() > 0.0);

    let cache = &record["cache"];
    assert_eq!(cache["folder"].as_str(), lab.path("home/dac/weights").to_str());
    assert_eq!((cache["files"].as_array().unwrap().len(), &cache["status"]), (0, &"ok".into()));
    assert!(!lab.path("home").exists(), "the checks must not create folders");

    let text = lab.dac("doctor").expect(0).stdout;
    for part in ["108 of 108", "flex", "reference", "no files", "all checks passed"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_damaged_file_is_reported_with_both_hashes() {
    let lab = Lab::new();
    let path = lab.put("home/dac/weights/24khz-descript.pth", b"x");
    let run = lab.dac("doctor --json").expect(1);
    let record = record(&run);
    assert_eq!((&record["status"], &record["cache"]["status"]), (&"error".into(), &"ok".into()));
    let check = file(&record, "24khz-descript.pth");
    assert_eq!((check["path"].as_str(), &check["status"]), (path.to_str(), &"error".into()));
    assert_eq!((&check["sha256"], &check["expected_sha256"]), (&X_SHA256.into(), &KHZ24_SHA256.into()));
    // The devices still pass.
    assert_eq!(device(&record, "flex")["status"], "ok");

    let text = lab.dac("doctor").expect(1).stdout;
    for part in [path.to_str().unwrap(), X_SHA256, KHZ24_SHA256, "dac download 24khz", "1 check FAILED"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn files_without_a_published_hash_are_checked_by_size_and_content() {
    let lab = Lab::new();
    // Another release in the Python package's cache, a file of which only the size is published, a user's
    // file.
    lab.put("home/.cache/descript/dac/weights_24khz_8kbps_0.0.9.pth", b"x");
    lab.put("home/dac/weights/44khz-16kbps-descript.pth", b"x");
    lab.put("home/dac/weights/16khz-custom.safetensors", b"x");
    // Unused files are not errors.
    lab.put("home/dac/weights/16khz-hance.safetensors.part", b"x");
    lab.put("home/dac/weights/24khz-hance.safetensors", b"");
    lab.put("home/dac/weights/notes.txt", b"x");
    let record = record(&lab.dac("doctor --json").expect(1));
    for (name, expected) in [
        ("_0.0.9.pth", "not weights of 24khz"),
        ("44khz-16kbps-descript.pth", "has 1 bytes, the published file has 256984809"),
        ("16khz-custom.safetensors", "not weights of 16khz"),
    ] {
        let check = file(&record, name);
        assert!(check["status"] == "error" && check["error"].as_str().unwrap().contains(expected), "{check}");
        assert_eq!((&check["sha256"], &check["expected_sha256"]), (&X_SHA256.into(), &Value::Null));
    }
    for (name, expected) in
        [(".part", "unfinished"), ("24khz-hance.safetensors", "empty"), ("notes.txt", "not used")]
    {
        let check = file(&record, name);
        assert!(
            check["status"] == "skipped" && check["note"].as_str().unwrap().contains(expected),
            "{check}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_blob_of_the_hugging_face_cache_is_compared_with_its_name() {
    let lab = Lab::new();
    let hub = "home/.cache/huggingface/hub/models--descript--dac_44khz";
    let blob = lab.put(&format!("{hub}/blobs/{X_SHA256}"), b"x");
    fs::create_dir_all(lab.path(&format!("{hub}/snapshots/abc"))).unwrap();
    std::os::unix::fs::symlink(&blob, lab.path(&format!("{hub}/snapshots/abc/model.safetensors"))).unwrap();
    // The name of the blob counts, not the published hash.
    let record_of = |code| record(&lab.dac("doctor --json").expect(code));
    let intact = record_of(0);
    let check = file(&intact, "model.safetensors");
    assert_eq!((&check["status"], &check["expected_sha256"]), (&"ok".into(), &X_SHA256.into()));
    fs::write(&blob, b"y").unwrap();
    let damaged = record_of(1);
    let check = file(&damaged, "model.safetensors");
    assert_eq!((&check["status"], &check["expected_sha256"]), (&"error".into(), &X_SHA256.into()));
}

#[test]
fn an_unknown_instruction_set_is_an_error() {
    let lab = Lab::new();
    let run = lab.dac_with("doctor --json", &[("DAC_CPU", "sse9")]).expect(1);
    let record = record(&run);
    let names_it = |check: &Value| check["error"].as_str().unwrap().contains("sse9");
    assert!(record["cpu"]["level"].is_null() && names_it(&record["cpu"]), "{record}");
    assert!(device(&record, "cpu")["status"] == "error" && names_it(device(&record, "cpu")), "{record}");
    // Other devices are compared with the reference codec instead.
    let flex = device(&record, "flex");
    assert_eq!((&flex["status"], &flex["compared_with"]), (&"ok".into(), &"reference".into()));

    let run = lab.dac_with("doctor --json", &[("DAC_CPU", "portable"), ("RAYON_NUM_THREADS", "3")]);
    let record = self::record(&run.expect(0));
    assert_eq!((&record["cpu"]["level"], &record["cpu"]["threads"]), (&"portable".into(), &3.into()));
}
