//! Limits of the machine: memory, threads, and inputs that never end.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::batch::{MANIFEST, manifest, tree};
#[cfg(target_os = "linux")]
use crate::external_tools::is_available;
use crate::support::{Lab, Run, wav_bytes};

/// Runs `dac` in a shell after `setup`.
fn in_shell(lab: &Lab, setup: &str, arguments: &str) -> Run {
    let mut command = lab.program("sh");
    command.args(["-c", &format!("{setup}; exec \"$0\" \"$@\"")]);
    let output = command.arg(env!("CARGO_BIN_EXE_dac")).args(arguments.split_whitespace()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        command: arguments.to_owned(),
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_memory_is_a_fatal_error_that_names_it() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 44100, &[0.5]);
    for limit in [60_000, 100_000, 170_000] {
        for command in
            ["encode a.wav --output out", "roundtrip a.wav --output trip", "report a.wav --output a.html"]
        {
            let command = format!("{command} --model tiny --threads 4");
            let run = in_shell(&lab, &format!("ulimit -v {limit}"), &command);
            assert!(run.code == 3 || run.code == 0, "{limit} kB: {}: {}", run.code, run.stderr);
            if run.code == 3 {
                run.says("(ulimit -v)");
            }
        }
    }
    // So little that threads or their buffers fail, before any result.
    let run =
        in_shell(&lab, "ulimit -v 60000", "encode a.wav --output no --model tiny --threads 8").expect(3);
    run.says("the address space is limited to 61 MB (ulimit -v); 8 threads may need 2000 MB");
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_processes_is_a_fatal_error_that_names_it() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 4410, &[0.5]);
    lab.wav("b.wav", 44100, 4410, &[0.5]);
    // The limit does not apply to root.
    let user = "setpriv --reuid=64999 --clear-groups";
    let as_user = in_shell(&lab, &format!("exec {user} \"$0\" \"$@\""), "--version");
    if !is_available("setpriv", as_user.code == 0) {
        return;
    }
    let status = Command::new("chmod").arg("777").arg(lab.path("")).status().unwrap();
    assert!(status.success());
    for command in ["encode a.wav b.wav --output out", "report a.wav --output a.html"] {
        let shell = format!("exec prlimit --nproc=2 {user} \"$0\" \"$@\"");
        let run = in_shell(&lab, &shell, &format!("{command} --model tiny --threads 4")).expect(3);
        run.says("2 processes and threads of this user (ulimit -u)");
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
}

#[test]
fn threads_and_jobs_are_capped_at_4_per_core() {
    let lab = Lab::new();
    let cores = std::thread::available_parallelism().unwrap().get();
    for n in 0..3 {
        lab.wav(&format!("in/{n}.wav"), 44100, 1000, &[0.5]);
    }
    let run = lab.dac("encode in --output out --model tiny --threads 100000 --jobs 50000").expect(0);
    let capped = |option: &str| {
        format!("warning: {option}: using {}, the most that help with {cores} cores", 4 * cores)
    };
    run.says(&capped("--threads 100000")).says(&capped("--jobs 50000"));
    let run = lab.dac("bench --model tiny --random-weights --threads 100000 --seconds 0.1 --runs 1 --json");
    assert_eq!(run.expect(0).records()[0]["threads"], 4 * cores);
    let quiet = lab.dac(&format!("encode in --output out --model tiny --threads {}", 4 * cores)).expect(0);
    assert!(!quiet.stderr.contains("cores"), "{}", quiet.stderr);
}

fn make_fifo(lab: &Lab, name: &str) {
    assert!(Command::new("mkfifo").arg(lab.path(name)).status().unwrap().success());
}

/// Waits for the end of a process; kills it after a time in which it should have ended.
fn exit_code(mut child: Child) -> Option<i32> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn a_signal_ends_a_read_that_blocks() {
    let lab = Lab::new();
    lab.wav("a.wav", 44100, 1000, &[0.5]);
    lab.dac("encode a.wav --output tokens --model tiny").expect(0);
    make_fifo(&lab, "silent.wav");
    make_fifo(&lab, "stuck.wav");
    make_fifo(&lab, "silent.dac");
    // A writer that opens the pipe and then waits.
    let mut writer = lab.program("sh").args(["-c", "exec sleep 60 > stuck.wav"]).spawn().unwrap();
    for (command, out) in [
        ("encode a.wav silent.wav --format npy", "file"),
        ("encode a.wav stuck.wav --format npy", "stuck"),
        ("encode a.wav silent.wav --pack tar", "pack"),
        ("decode tokens/a.safetensors silent.dac", "waves"),
    ] {
        for (signal, code) in [("TERM", 143), ("INT", 130)] {
            let out = format!("{out}{code}");
            let command = format!("{command} --output {out} --model tiny --jobs 1 --threads 1");
            let child = lab.command(&command).stderr(Stdio::null()).spawn().unwrap();
            // The first input is done, or in the open shard.
            let is_result = |name: &String| {
                if out.starts_with("pack") { !name.ends_with("lock") } else { !name.starts_with(".dac-work") }
            };
            let began = Instant::now();
            while !tree(&lab, &out).keys().any(is_result) && began.elapsed() < Duration::from_secs(30) {
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(Duration::from_millis(300));
            let id = child.id().to_string();
            assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
            assert_eq!(exit_code(child), Some(code), "{command}");
            assert_eq!(manifest(&lab, &format!("{out}/{MANIFEST}")).len(), 1, "{command}");
        }
    }
    // The shard that was open is kept.
    assert_eq!(lab.names("pack143"), ["tokens-000000.tar"]);
    writer.kill().unwrap();
    writer.wait().unwrap();
}

#[test]
fn a_pipe_is_encoded_and_never_taken_for_an_earlier_input() {
    let lab = Lab::new();
    make_fifo(&lab, "a.wav");
    let encode = |more: &str, expected: i32| {
        let path = lab.path("a.wav");
        let writer = std::thread::spawn(move || std::fs::write(path, wav_bytes(44100, 3000, &[0.5])));
        let run = lab.dac(&format!("encode a.wav --output out --model tiny --json {more}")).expect(expected);
        drop(writer);
        run
    };
    let record = encode("", 0).records().remove(0);
    assert_eq!((&record["status"], &record["input_samples"]), (&"ok".into(), &3000.into()));
    assert!(record["input_sha256"].is_null() && record["input_bytes"].is_null(), "{record}");
    assert_eq!(encode("", 0).records()[0]["status"], "ok");
    // Commands that need their input twice keep a copy of a pipe.
    assert_eq!(encode("--chunk descript --format dac", 0).records()[0]["status"], "ok");
}
