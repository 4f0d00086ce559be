//! `cargo xtask audio --speed`: measures reading and writes `docs/benchmarks/audio.md`.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Error, ensure};
use serde::Deserialize;

use super::cases;
use super::{build_example, empty_folder, shell};
use crate::bench::machine::Machine;
use crate::process::{self, stdout_of};

/// Seconds of the files whose speed is measured.
const SECONDS: u32 = 120;
/// Runs of which the median counts.
const RUNS: usize = 3;
/// Seconds of the pieces that long files consist of.
const PIECE_SECONDS: u32 = 600;
/// The table that is written, relative to the root.
const PAGE: &str = "docs/benchmarks/audio.md";

/// The line that `read_speed` prints.
#[derive(Debug, Clone, Deserialize)]
struct Measured {
    audio_seconds: f64,
    cpu_seconds: f64,
    peak_mb: f64,
    truncated: bool,
}

/// Command that repeats a file without coding it again.
macro_rules! repeated {
    ($from:literal, $to:literal) => {
        concat!("$F -stream_loop $((TIMES - 1)) -i ", $from, " -c copy ", $to)
    };
}

/// Long files: name, and the command of the shell that makes `OUT` from `PIECE.wav`, `TIMES` times in a row.
const LONG: &[(&str, &str)] = &[
    ("WAV", "$F -stream_loop $((TIMES - 1)) -i PIECE.wav -c copy -rf64 auto OUT.wav"),
    (
        "FLAC",
        "$F -i PIECE.wav -f s16le PIECE.raw; for i in $(seq TIMES); do cat PIECE.raw; done | flac -s -f -0 \
         --force-raw-format --endian=little --sign=signed --channels=1 --bps=16 --sample-rate=16000 \
         -o OUT.flac -",
    ),
    ("MP3", concat!("$F -i PIECE.wav -b:a 32k p.mp3; ", repeated!("p.mp3", "OUT.mp3"))),
    ("AAC in ADTS", concat!("$F -i PIECE.wav -c:a aac -b:a 32k p.aac; ", repeated!("p.aac", "OUT.aac"))),
    ("AAC in MP4", concat!("$F -i PIECE.wav -c:a aac -b:a 32k p.m4a; ", repeated!("p.m4a", "OUT.m4a"))),
    ("Vorbis in Ogg", concat!("oggenc -Q -o p.ogg PIECE.wav; ", repeated!("p.ogg", "OUT.ogg"))),
    ("Opus in Ogg", concat!("opusenc --quiet PIECE.wav p.opus; ", repeated!("p.opus", "OUT.opus"))),
    ("FLAC in Matroska", concat!("$F -i PIECE.wav -c:a flac p.mkv; ", repeated!("p.mkv", "OUT.mkv"))),
];

/// Measures all formats, and files of `hours` hours.
///
/// # Errors
/// If a file cannot be made or read.
pub(super) fn run(hours: u32) -> Result<(), Error> {
    let program = build_example("read_speed", "release")?;
    let folder = empty_folder("audio-speed")?;
    let page = page(&program, &folder, hours)?;
    fs::write(process::root().join(PAGE), page)?;
    fs::remove_dir_all(&folder)?;
    println!("wrote {PAGE}");
    Ok(())
}

fn page(program: &Path, folder: &Path, hours: u32) -> Result<String, Error> {
    let commit = stdout_of(process::command("git").args(["rev-parse", "--short", "HEAD"]))?;
    let mut page = format!(
        "# Reading audio\n\nWritten by `cargo xtask audio --speed` at commit {} on {}. One thread, release \
         build; processor time of opening and decoding, without resampling, by a process that starts for \
         each file.\n\n## Speed\n\nStereo pink noise of {SECONDS} s at 44.1 kHz (Opus: 48 kHz), median of \
         {RUNS} runs.\n\n| format | × real time | peak memory |\n|---|---|---|\n",
        commit.trim(),
        Machine::local()?.describe(),
    );
    make_source(folder, "source-44100-2.wav", SECONDS, 44_100, 2)?;
    for case in cases::plain() {
        shell(&case.command, folder)?;
        let measured = measure(program, &folder.join(&case.name), RUNS)?;
        let speed = measured.audio_seconds / measured.cpu_seconds;
        println!("{}: {speed:.0} × real time", case.format);
        writeln!(page, "| {} | {speed:.0} | {:.1} MB |", case.format, measured.peak_mb)?;
        fs::remove_file(folder.join(&case.name))?;
    }
    write!(
        page,
        "\n## Long files\n\nMono pink noise at 16 kHz, {PIECE_SECONDS} s repeated to {hours} h, and the same \
         repeated to 1 h.\n\n| format | peak of 1 h | peak of {hours} h | × real time |\n|---|---|---|---|\n"
    )?;
    make_source(folder, "piece.wav", PIECE_SECONDS, 16_000, 1)?;
    for (name, command) in LONG {
        let short = measure_long(program, folder, command, 1)?;
        let long = measure_long(program, folder, command, hours)?;
        let speed = long.audio_seconds / long.cpu_seconds;
        println!("{name}: {:.1} MB, {:.1} MB, {speed:.0} × real time", short.peak_mb, long.peak_mb);
        writeln!(page, "| {name} | {:.1} MB | {:.1} MB | {speed:.0} |", short.peak_mb, long.peak_mb)?;
    }
    Ok(page)
}

fn make_source(folder: &Path, name: &str, seconds: u32, rate_hz: u32, channels: usize) -> Result<(), Error> {
    let noise =
        |seed: usize| format!("anoisesrc=color=pink:amplitude=0.5:d={seconds}:r={rate_hz}:seed={seed}");
    let command = if channels == 1 {
        format!("$F -f lavfi -i {} {name}", noise(1))
    } else {
        let inputs = format!("-f lavfi -i {} -f lavfi -i {}", noise(1), noise(2));
        format!("$F {inputs} -filter_complex amerge {name}")
    };
    shell(&command, folder)
}

fn measure_long(program: &Path, folder: &Path, command: &str, hours: u32) -> Result<Measured, Error> {
    let times = (hours * 3_600).div_ceil(PIECE_SECONDS);
    let command = command.replace("TIMES", &times.to_string()).replace("PIECE", "piece");
    shell(&command.replace("OUT", "long"), folder)?;
    let is_long = |path: &Path| path.file_stem().is_some_and(|stem| stem == "long");
    let found =
        fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path()).find(|path| is_long(path));
    let file = found.context("the long file is missing")?;
    let measured = measure(program, &file, 1)?;
    fs::remove_file(&file)?;
    let expected = f64::from(times * PIECE_SECONDS);
    // Delays and padding of the pieces.
    ensure!(
        (measured.audio_seconds / expected - 1.0).abs() < 1e-3,
        "{} s were read of {expected} s",
        measured.audio_seconds
    );
    Ok(measured)
}

/// Returns the median of several runs by processor time.
fn measure(program: &Path, file: &Path, runs: usize) -> Result<Measured, Error> {
    let mut found = Vec::with_capacity(runs);
    for _ in 0..runs {
        let measured: Measured = serde_json::from_str(&stdout_of(Command::new(program).arg(file))?)?;
        ensure!(!measured.truncated, "{} is called truncated", file.display());
        found.push(measured);
    }
    found.sort_by(|a, b| a.cpu_seconds.total_cmp(&b.cpu_seconds));
    found.into_iter().nth(runs / 2).context("no run")
}
