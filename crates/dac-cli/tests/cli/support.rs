//! Runs the binary in a temporary directory, and writes and reads small WAV files.

use std::f64::consts::TAU;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A temporary directory with its own home, so that tests do not use the machine's caches.
pub(crate) struct Lab {
    folder: tempfile::TempDir,
}

/// Result of a run of the program.
pub(crate) struct Run {
    pub(crate) command: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Parses stdout as the records of `--json`.
    pub(crate) fn records(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Asserts the exit code.
    pub(crate) fn expect(self, code: i32) -> Self {
        let Self { command, stdout, stderr, .. } = &self;
        assert_eq!(self.code, code, "dac {command}\nstdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// Asserts that stderr contains a text.
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "dac {}\n'{text}' is not in:\n{}", self.command, self.stderr);
        self
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Sorted names in a directory, including hidden ones except the manifest.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != ".dac-manifest.jsonl");
        names.sort();
        names
    }

    /// Runs `dac` in the directory with arguments separated by blanks.
    pub(crate) fn dac(&self, arguments: &str) -> Run {
        self.dac_with(arguments, &[])
    }

    /// Runs `dac` with additional environment variables.
    pub(crate) fn dac_with(&self, arguments: &str, variables: &[(&str, &str)]) -> Run {
        let output = self.command(arguments).envs(variables.iter().copied()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().expect("the program was killed");
        Run { command: arguments.to_owned(), code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs `dac` with `input` as stdin.
    pub(crate) fn run_with(&self, arguments: &str, input: &[u8]) -> Output {
        self.feed(self.command(arguments).stdout(Stdio::piped()), input)
    }

    /// Runs `dac` with `input` as stdin and returns what it writes to a pipe as stdout.
    pub(crate) fn pipe(&self, arguments: &str, input: &[u8]) -> Vec<u8> {
        let output = self.run_with(arguments, input);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Runs `dac` with `input` as stdin and a file as stdout.
    pub(crate) fn pipe_to(&self, arguments: &str, input: &[u8], name: &str) {
        let file = fs::File::create(self.path(name)).unwrap();
        let output = self.feed(self.command(arguments).stdout(file), input);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a shell script in the directory with `input` as stdin.
    #[cfg(unix)]
    pub(crate) fn feed_shell(&self, script: &str, input: &[u8]) -> Output {
        self.feed(self.program("/bin/sh").args(["-c", script]).stdout(Stdio::piped()), input)
    }

    fn feed(&self, command: &mut Command, input: &[u8]) -> Output {
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut pipe, input) = (child.stdin.take().unwrap(), input.to_vec());
        // Writing fails if the program stops early; its exit code shows why.
        let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// Command that runs `dac` in the directory.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_dac"));
        command.args(arguments.split_whitespace());
        command
    }

    /// Command that runs any program in the directory with its home.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        for name in ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.env("HOME", self.path("home")).env("DAC_HOME", self.path("home/dac"));
        command.current_dir(self.folder.path());
        command
    }

    /// Writes a 16-bit WAV file with a gliding tone of the given amplitude in each channel.
    pub(crate) fn wav(&self, name: &str, rate_hz: u32, samples: usize, loudness: &[f64]) -> PathBuf {
        self.put(name, &wav_bytes(rate_hz, samples, loudness))
    }

    pub(crate) fn wave_of(&self, name: &str) -> Wave {
        Wave::read(&self.path(name))
    }
}

pub(crate) fn wav_bytes(rate_hz: u32, samples: usize, loudness: &[f64]) -> Vec<u8> {
    let mut data = Vec::with_capacity(2 * samples * loudness.len());
    for n in 0..samples {
        let time = n as f64 / f64::from(rate_hz);
        for (channel, level) in loudness.iter().enumerate() {
            let pitch = 180.0 * (channel + 1) as f64;
            let phase = TAU * (pitch * time + 40.0 * time * time);
            let value = level * (phase.sin() + 0.5 * (2.0 * phase).sin() + 0.3 * (3.0 * phase).sin()) / 1.8;
            data.extend(((value * 32767.0).round() as i16).to_le_bytes());
        }
    }
    wav_file(1, rate_hz, loudness.len() as u16, 16, &data)
}

/// Builds a WAV file around `data`; format 1 is integer, 3 is float.
pub(crate) fn wav_file(format: u16, rate_hz: u32, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    let frame = channels * bits / 8;
    let mut file = Vec::from(*b"RIFF");
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(*b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend(format.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate_hz.to_le_bytes());
    file.extend((rate_hz * u32::from(frame)).to_le_bytes());
    file.extend(frame.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(*b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

/// A WAV file, parsed independently of the library.
#[derive(Debug, PartialEq)]
pub(crate) struct Wave {
    pub(crate) rate_hz: u32,
    pub(crate) channels: usize,
    pub(crate) bits: u16,
    pub(crate) float: bool,
    pub(crate) data: Vec<u8>,
}

impl Wave {
    pub(crate) fn read(path: &Path) -> Self {
        Self::parse(&fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        assert_eq!((&bytes[..4], &bytes[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let long = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (mut at, mut format) = (12, None);
        loop {
            let (id, size) = (&bytes[at..at + 4], long(at + 4) as usize);
            match id {
                b"fmt " => format = Some(at + 8),
                b"data" => {
                    let format = format.unwrap();
                    // An extensible header names the format in its last field.
                    let kind = if short(format) == 0xfffe { short(format + 24) } else { short(format) };
                    return Self {
                        rate_hz: long(format + 4),
                        channels: short(format + 2).into(),
                        bits: short(format + 14),
                        float: kind == 3,
                        data: bytes[at + 8..at + 8 + size].to_vec(),
                    };
                }
                _ => {}
            }
            at += 8 + size + size % 2;
        }
    }

    /// Samples per channel.
    pub(crate) fn samples(&self) -> usize {
        self.data.len() / (usize::from(self.bits) / 8) / self.channels
    }

    /// Interleaved values of a 32-bit float file.
    pub(crate) fn floats(&self) -> Vec<f32> {
        assert!(self.float && self.bits == 32);
        self.data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    /// Root mean square of one channel of a 16-bit file.
    pub(crate) fn rms(&self, channel: usize) -> f64 {
        let values: Vec<f64> = self
            .data
            .chunks_exact(2 * self.channels)
            .map(|frame| {
                f64::from(i16::from_le_bytes([frame[2 * channel], frame[2 * channel + 1]])) / 32768.0
            })
            .collect();
        (values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64).sqrt()
    }
}

/// Largest difference of two signals of equal length.
pub(crate) fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
