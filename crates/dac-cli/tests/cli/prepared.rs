//! `dac models --prepare`, and loads of prepared weights.

use std::fs;
use std::process::Stdio;

use crate::support::Lab;

const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../dac-model/assets/tiny.safetensors");

/// A lab with a weights file `w.safetensors` and audio `a.wav`.
fn lab() -> Lab {
    let lab = Lab::new();
    let path = lab.put("w.safetensors", &fs::read(WEIGHTS).unwrap());
    // Of a file that was just written, `--prepare` waits for the clock to pass on.
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    lab.wav("a.wav", 44100, 20_000, &[0.5]);
    lab
}

/// Codes and decoded audio.
fn results(lab: &Lab) -> (Vec<u8>, Vec<u8>) {
    lab.dac("encode a.wav --output t --format npy --weights w.safetensors --overwrite").expect(0);
    lab.dac("decode t/a.npy --output d --weights w.safetensors --overwrite").expect(0);
    (lab.read("t/a.npy"), lab.read("d/a.wav"))
}

#[test]
fn prepared_weights_give_the_same_files_and_doctor_checks_them() {
    let lab = lab();
    let packed = results(&lab);
    let run = lab.dac("models --prepare --weights w.safetensors --json").expect(0);
    let record = run.records().remove(0);
    assert_eq!(record["written"], true);
    let path = record["path"].as_str().unwrap().to_owned();
    assert!(path.starts_with(lab.path("home/dac/prepared").to_str().unwrap()), "{path}");
    assert_eq!(record["bytes"], fs::metadata(&path).unwrap().len());
    assert!(lab.dac("models --prepare tiny --weights w.safetensors").expect(0).stdout.starts_with("already"));
    assert_eq!(results(&lab), packed);
    let doctor = |code, expected: &[&str]| {
        let run = lab.dac("doctor").expect(code);
        assert!(expected.iter().all(|text| run.stdout.contains(text)), "{}", run.stdout);
    };
    doctor(0, &["prepared weights, checksums as expected"]);

    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(results(&lab), packed);
    doctor(1, &["the checksum of a section is wrong", "run `dac models --prepare` again"]);
    assert!(lab.dac("models --prepare --weights w.safetensors").expect(0).stdout.starts_with("prepared: "));
    doctor(0, &[]);
}

#[test]
fn processes_can_prepare_the_same_weights_at_once() {
    let lab = lab();
    let start = || {
        let mut command = lab.command("models --prepare --weights w.safetensors --json");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for process in [start(), start(), start()] {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let names = lab.names("home/dac/prepared");
    assert_eq!(names.len(), 2, "one file of weights and one record: {names:?}");
    lab.dac("doctor").expect(0);
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    let lab = lab();
    lab.dac("models --prepare tiny").expect(2).says("tiny is part of this program");
    lab.dac("models --prepare 24khz").expect(2).says("dac download 24khz");
    lab.dac("models --prepare --weights none.pth").expect(2).says("weights file not found: none.pth");
    lab.dac("models --weights w.safetensors").expect(2).says("--prepare");
    lab.dac("models --prepare 24khz --weights w.safetensors").expect(3).says("w.safetensors");
    lab.put("home/dac/prepared", b"a file in the place of the directory");
    lab.dac("models --prepare --weights w.safetensors").expect(3).says("prepared");
    results(&lab);
}
