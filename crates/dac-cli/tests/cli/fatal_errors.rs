//! Errors that stop a whole run, with exit code 3.

use std::process::Command;

use crate::batch::{MANIFEST, manifest, tree};
#[cfg(target_os = "linux")]
use crate::external_tools::is_available;
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

#[cfg(unix)]
#[test]
fn every_kind_of_pack_stops_at_the_first_shard_that_cannot_be_written() {
    let lab = Lab::new();
    for n in 0..6 {
        lab.wav(&format!("in/{n}.wav"), 44100, 44100 * 5, &[0.5]);
    }
    for pack in ["tar", "parquet"] {
        let encode = format!("encode in --output {pack} --model tiny --jobs 1 --threads 1 --pack {pack}");
        let encode = format!("{encode} --pack-entries 3 --json");
        let run = with_file_size_limit(&lab, 20, &encode).expect(3);
        run.says(&format!("cannot write the shard {pack}/tokens-000000.{pack}"));
        run.says("0 done, 0 skipped, 0 failed").says("6 of 6 files remaining");
        assert_eq!(run.stderr.matches("error:").count(), 1, "{}", run.stderr);
        assert_eq!((run.stdout.as_str(), lab.read(&format!("{pack}/{MANIFEST}"))), ("", Vec::new()));
        lab.dac(&encode).expect(0).says("6 done");
    }
}

/// Command that runs `dac` as a user who cannot write in directories of mode 555, also if the tests run as
/// root.
/// `None` where root cannot give up that right.
#[cfg(target_os = "linux")]
fn unprivileged(lab: &Lab, arguments: &str) -> Option<Command> {
    use std::os::unix::fs::PermissionsExt;

    let folder = lab.path("permissions");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o555)).unwrap();
    if std::fs::write(folder.join("x"), b"").is_err() {
        return Some(lab.command(arguments));
    }
    let drop_rights = |program: &str| {
        let mut command = lab.program("setpriv");
        for set in ["--bounding-set", "--inh-caps"] {
            command.arg(format!("{set}=-dac_override,-dac_read_search"));
        }
        command.arg(program);
        command
    };
    let works = drop_rights("true").output().is_ok_and(|output| output.status.success());
    let works = is_available("setpriv", works);
    let mut command = drop_rights(env!("CARGO_BIN_EXE_dac"));
    command.args(arguments.split_whitespace());
    works.then_some(command)
}

#[cfg(target_os = "linux")]
fn set_mode(lab: &Lab, name: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(lab.path(name), PermissionsExt::from_mode(mode)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn outputs_are_tried_before_the_work() {
    let lab = Lab::new();
    lab.wav("in/a.wav", 44100, 1000, &[0.5]);
    lab.wav("in/x/b.wav", 44100, 44100 * 200, &[0.5]);
    for folder in ["closed", "half", "half/x"] {
        std::fs::create_dir(lab.path(folder)).unwrap();
    }
    set_mode(&lab, "half/x", 0o555);
    set_mode(&lab, "closed", 0o555);
    let run = |arguments: &str| {
        let output = unprivileged(&lab, &format!("{arguments} --model tiny"))?.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Some(Run { command: arguments.to_owned(), code, stdout, stderr })
    };
    let began = std::time::Instant::now();
    let Some(whole) = run("encode in --output closed") else { return };
    whole.expect(3).says("cannot write closed");
    run("report in/x/b.wav --output closed/a.html").unwrap().expect(3).says("cannot write closed/a.html");
    // One directory below the output directory: its files fail, without having been encoded.
    let half = run("encode in --output half --json").unwrap().expect(1);
    half.says("1 done, 0 skipped, 1 failed").says("in/x/b.wav: cannot write half/x: Permission denied");
    assert!(half.records().iter().all(|record| record["frames"].is_null() || record["status"] == "ok"));
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    set_mode(&lab, "half/x", 0o755);
    set_mode(&lab, "closed", 0o755);
}

/// Starts an encode of many files, calls `disturb` after the first result, and returns its end.
#[cfg(target_os = "linux")]
fn disturbed(lab: &Lab, out: &str, disturb: impl FnOnce()) -> Option<Run> {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let encode = format!("encode in --output {out} --model tiny --format npy --jobs 1 --threads 1 --json");
    let mut command = unprivileged(lab, &encode)?;
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while tree(lab, out).keys().all(|name| name.starts_with(".dac-work")) {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
    }
    disturb();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    Some(Run { command: encode, code, stdout: text(output.stdout), stderr: text(output.stderr) })
}

#[cfg(target_os = "linux")]
#[test]
fn losing_the_output_folder_stops_the_batch() {
    let lab = Lab::new();
    for n in 0..12 {
        lab.wav(&format!("in/{n:02}.wav"), 44100, 44100 * 3, &[0.5]);
    }
    let records_failed =
        |run: &Run| run.records().iter().filter(|record| record["status"] == "error").count();
    let Some(run) = disturbed(&lab, "closed", || set_mode(&lab, "closed", 0o555)) else { return };
    let run = run.expect(3);
    run.says("cannot write in the directory closed: Permission denied").says(" 0 failed");
    set_mode(&lab, "closed", 0o755);
    assert_eq!((run.stderr.matches("error:").count(), records_failed(&run)), (1, 0), "{}", run.stderr);
    let text = String::from_utf8(lab.read(&format!("closed/{MANIFEST}"))).unwrap();
    assert!(!text.contains("\"error\":\""), "{text}");
    lab.dac("encode in --output closed --model tiny --format npy").expect(0).says(" 0 failed");

    let remove = || while std::fs::remove_dir_all(lab.path("gone")).is_err() {};
    let run = disturbed(&lab, "gone", remove).unwrap().expect(3);
    run.says(" 0 failed").says("files remaining");
    assert_eq!((run.stderr.matches("error:").count(), records_failed(&run)), (1, 0), "{}", run.stderr);

    let manifest_path = lab.path(&format!("listed/{MANIFEST}"));
    let run = disturbed(&lab, "listed", || std::fs::remove_file(&manifest_path).unwrap()).unwrap().expect(3);
    run.says(".dac-manifest.jsonl: it was removed while this run used it").says("--adopt");
    assert!(!manifest_path.exists());
    lab.dac("encode in --output listed --model tiny --format npy --adopt").expect(0);
}
