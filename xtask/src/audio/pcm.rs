//! Decoded samples of dac-audio and of the reference programs.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Error, ensure};
use serde::Deserialize;

use super::cases::Reference;
use crate::process;

/// Interleaved samples.
#[derive(Debug, Default)]
pub(super) struct Pcm {
    pub(super) samples: Vec<f32>,
}

/// A file read by dac-audio.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) pcm: Pcm,
    pub(super) facts: Facts,
}

/// The line that `decode_pcm` prints.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    pub(super) channels: usize,
    pub(super) truncated: bool,
    pub(super) header_samples: Option<u64>,
}

/// Decodes a file with dac-audio; the inner error is the message of a refusal.
pub(super) fn decode(file: &Path, is_piped: bool) -> Result<Result<Ours, String>, Error> {
    let program = process::target_dir().join("debug/examples/decode_pcm");
    let out = file.with_file_name("ours.f32");
    let mut command = Command::new(program);
    if is_piped {
        command.arg("-").stdin(File::open(file)?);
    } else {
        command.arg(file).stdin(Stdio::null());
    }
    let output = command.arg(&out).output().context("cannot run decode_pcm")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!text.contains("panicked"), "{}: {text}", file.display());
        return Ok(Err(text.lines().next().unwrap_or_default().to_owned()));
    }
    let facts = serde_json::from_slice(&output.stdout).context("no JSON from decode_pcm")?;
    Ok(Ok(Ours { pcm: read(&out)?, facts }))
}

/// Decodes a file with another program; no samples if it fails.
pub(super) fn reference(file: &Path, reference: Reference) -> Result<Pcm, Error> {
    let out = file.with_file_name("theirs.f32");
    if out.exists() {
        fs::remove_file(&out)?;
    }
    let to_raw = "ffmpeg -nostdin -v quiet -y -i theirs.wav -f f32le -c:a pcm_f32le \"$1\"";
    let script = match reference {
        Reference::Ffmpeg => {
            r#"ffmpeg -nostdin -v quiet -y -i "$0" -map 0:a:0 -f f32le -c:a pcm_f32le "$1""#.to_owned()
        }
        Reference::Opusdec => {
            format!(r#"opusdec --quiet --float --rate 48000 "$0" theirs.wav && {to_raw}"#)
        }
        Reference::Sox => r#"sox "$0" -e float -b 32 -t raw "$1""#.to_owned(),
        Reference::Oggdec => format!(r#"oggdec -Q -o theirs.wav "$0" && {to_raw}"#),
        Reference::Flac => format!(r#"flac -s -d -f -o theirs.wav "$0" && {to_raw}"#),
        Reference::Mpg123 => format!(r#"mpg123 -q -e f32 -w theirs.wav "$0" && {to_raw}"#),
    };
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(file).arg(&out).stdin(Stdio::null());
    if let Some(folder) = file.parent() {
        command.current_dir(folder);
    }
    process::succeeds(&mut command);
    if out.exists() { read(&out) } else { Ok(Pcm::default()) }
}

fn read(file: &Path) -> Result<Pcm, Error> {
    let bytes = fs::read(file)?;
    let samples = bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    Ok(Pcm { samples })
}
