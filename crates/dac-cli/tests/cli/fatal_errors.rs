//! Errors that stop a whole run, with exit code 3.

use std::process::Command;

use crate::batch::{MANIFEST, manifest, tree};
use crate::pack::{assert_manifest, tokens};
use crate::support::{Lab, Run};

/// Runs `dac` with a limit on file sizes in blocks of 512 bytes, which has the effect of a full disk.
#[cfg(unix)]
fn with_file_size_limit(lab: &Lab, blocks: usize, arguments: &str) -> Run {
    let mut command: Command = lab.program("sh");
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    let output = command.arg(env!("CARGO_BIN_EXE_dac")).args(arguments.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        command: arguments.to_owned(),
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[test]
fn invalid_weights_and_unwritable_folders_exit_with_3() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    lab.put("text.pth", b"not weights");
    for command in
        ["encode a.wav --output out", "roundtrip a.wav --output out", "report a.wav --output page.html"]
    {
        lab.dac(&format!("{command} --weights text.pth")).expect(3).says("text.pth");
    }
    assert_eq!(lab.run_with("encode - --weights text.pth", b"").status.code(), Some(3));
    if cfg!(target_os = "linux") {
        lab.dac("encode a.wav --output /proc/out --model tiny").expect(3).says("/proc/out");
    }
    // The same file as a recording is an error of that input.
    lab.dac("report text.pth --output page.html --model tiny").expect(1).says("not an audio file");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_the_batch_with_one_error() {
    let lab = Lab::new();
    for n in 0..6 {
        lab.wav(&format!("in/{n}.wav"), 44100, 1000, &[0.5]);
    }
    lab.put("in/1.wav", b"no audio");
    std::fs::create_dir(lab.path("out")).unwrap();
    std::os::unix::fs::symlink("/dev/full", lab.path("out/2.safetensors")).unwrap();
    let encode = "encode in --output out --model tiny --jobs 1 --overwrite --json";
    let run = lab.dac(encode).expect(3);
    run.says("cannot write out/2.safetensors: No space left on device");
    run.says("1 done, 0 skipped, 1 failed")
        .says("interrupted with 4 of 6 files remaining (rerun the same command to resume)");
    assert_eq!((run.stderr.matches("error:").count(), run.records().len()), (2, 2), "{}", run.stderr);
    assert_eq!(lab.names("out"), ["0.safetensors", "2.safetensors"]);
    // With space on the disk, the same command resumes.
    std::fs::remove_file(lab.path("out/2.safetensors")).unwrap();
    let run = lab.dac("encode in --output out --model tiny").expect(1);
    run.says("4 done, 1 skipped, 1 failed");
}

#[cfg(unix)]
#[test]
fn an_unwritable_manifest_stops_the_batch() {
    let lab = Lab::new();
    for n in 0..9 {
        lab.wav(&format!("in/{n}.wav"), 44100, 1000, &[0.5]);
    }
    let encode = "encode in --output out --model tiny --jobs 1 --format npy";
    let run = with_file_size_limit(&lab, 4, encode).expect(3);
    run.says(MANIFEST).says("0 skipped, 0 failed").says("rerun the same command to resume");
    assert_eq!(run.stderr.matches("error:").count(), 1, "{}", run.stderr);
    let done = tree(&lab, "out");
    assert!(!done.is_empty() && done.len() < 9, "{}", done.len());
    let records = manifest(&lab, &format!("out/{MANIFEST}"));
    assert_eq!(records.keys().collect::<Vec<_>>(), done.keys().collect::<Vec<_>>());
    lab.dac(encode).expect(0).says(&format!("{} done, {} skipped", 9 - done.len(), done.len()));
}

#[cfg(unix)]
#[test]
fn shards_without_records_are_written_again() {
    let lab = Lab::new();
    for n in 10..40 {
        lab.wav(&format!("in/{n}.wav"), 44100, 1000, &[0.5]);
    }
    lab.dac("encode in --output plain --model tiny --format npy").expect(0);
    let encode = "encode in --output out --model tiny --jobs 2 --threads 2 --pack tar --pack-entries 2";
    let run = with_file_size_limit(&lab, 24, encode).expect(3);
    assert_eq!(run.stderr.matches("error:").count(), 1, "{}", run.stderr);
    let done = tokens(&lab, "out").len();
    assert!(done > 0 && done < 30, "{done}");
    run.says(&format!("{done} done, 0 skipped, 0 failed"))
        .says(&format!("{} of 30 files remaining", 30 - done));
    lab.dac(encode).expect(0).says(&format!("{} done, {done} skipped", 30 - done));
    assert_eq!(tokens(&lab, "out"), tree(&lab, "plain"));
    assert_manifest(&lab, "out", MANIFEST);
}
