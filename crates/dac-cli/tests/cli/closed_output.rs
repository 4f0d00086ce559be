//! A closed or full stdout or stderr does not stop the work.

use std::io::{self, PipeWriter};

use crate::support::{Lab, wav_bytes};

/// Writing end of a pipe without a reader.
fn closed_pipe() -> PipeWriter {
    io::pipe().unwrap().1
}

#[test]
fn results_are_written_with_a_closed_stderr() {
    let lab = Lab::new();
    for name in ["a", "b", "c"] {
        lab.wav(&format!("in/{name}.wav"), 44100, 1000, &[0.5]);
    }
    let code = |arguments: &str, stderr: std::process::Stdio| {
        lab.command(arguments).stderr(stderr).status().unwrap().code()
    };
    assert_eq!(code("encode in --output files --model tiny", closed_pipe().into()), Some(0));
    assert_eq!(lab.names("files"), ["a.safetensors", "b.safetensors", "c.safetensors"]);
    assert_eq!(code("encode in --output packs --model tiny --pack tar", closed_pipe().into()), Some(0));
    assert_eq!(lab.names("packs"), ["tokens-000000.tar"]);
    // Errors still set the exit code.
    lab.put("in/d.wav", b"no audio");
    assert_eq!(code("encode in --output files --model tiny", closed_pipe().into()), Some(1));
    assert_eq!(code("encode missing.wav --output files", closed_pipe().into()), Some(2));
    assert_eq!(code("encode in/a.wav --output files --weights in/d.wav", closed_pipe().into()), Some(3));
    if cfg!(target_os = "linux") {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(code("encode in/a.wav --output full --model tiny", full.into()), Some(0));
        assert_eq!(lab.names("full"), ["a.safetensors"]);
    }
}

#[test]
fn results_are_written_with_a_closed_stdout() {
    let lab = Lab::new();
    for name in ["a", "b", "c"] {
        lab.wav(&format!("in/{name}.wav"), 44100, 1000, &[0.5]);
    }
    for command in [
        "encode in --output tokens --json",
        "roundtrip in --output both",
        "roundtrip in --output json --json",
    ] {
        let output =
            lab.command(&format!("{command} --model tiny --jobs 1")).stdout(closed_pipe()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}: {stderr}");
        assert!(stderr.contains("3 done, 0 skipped, 0 failed"), "{command}: {stderr}");
        assert_eq!(stderr.matches("error: cannot write standard output: ").count(), 1, "{command}: {stderr}");
    }
    assert_eq!(lab.names("tokens").len(), 3);
    let both = ["a.safetensors", "a.wav", "b.safetensors", "b.wav", "c.safetensors", "c.wav"];
    assert_eq!(
        (lab.names("both"), lab.names("json")),
        (both.map(String::from).into(), both.map(String::from).into())
    );
}

#[test]
fn streaming_to_a_closed_pipe_ends_without_an_error() {
    let lab = Lab::new();
    let tokens = lab.pipe("encode - --model tiny", &wav_bytes(44100, 20_000, &[0.5]));
    for (command, input) in
        [("encode - --model tiny", wav_bytes(44100, 20_000, &[0.5])), ("decode - --raw", tokens)]
    {
        lab.put("input", &input);
        let input = std::fs::File::open(lab.path("input")).unwrap();
        let output = lab.command(command).stdin(input).stdout(closed_pipe()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}: {stderr}");
        assert!(!stderr.contains("error"), "{command}: {stderr}");
    }
}

#[cfg(unix)]
#[test]
fn streams_need_an_open_stdout() {
    let lab = Lab::new();
    lab.put("a.wav", &wav_bytes(44100, 5_000, &[0.5]));
    let tokens = lab.pipe("encode - --model tiny", &lab.read("a.wav"));
    lab.put("a.dacp", &tokens);
    for (command, code) in [
        ("encode - --model tiny < a.wav >&-", 3),
        ("decode - < a.dacp >&-", 3),
        ("encode - --model tiny < a.wav > /dev/null", 0),
        ("encode - --model tiny < a.wav > out", 0),
    ] {
        let script = format!("exec {} {command}", env!("CARGO_BIN_EXE_dac"));
        let output = lab.program("sh").args(["-c", &script]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}: {stderr}");
        let is_named = stderr.contains("cannot write standard output: it is closed");
        assert_eq!(is_named, code != 0, "{command}: {stderr}");
    }
    assert_eq!(lab.read("out"), tokens);
}
