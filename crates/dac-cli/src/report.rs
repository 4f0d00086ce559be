//! What is said of each file: one JSON record on standard output, or a line for people on standard error.

use std::any::Any;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Error;
use serde::Serialize;

/// How a file fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Done.
    #[default]
    Ok,
    /// Done before, and still valid.
    Skipped,
    /// Not done; `error` says why.
    Error,
}

/// The record of one file. Every key is always there; what is not known is null.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Record {
    pub(crate) input: String,
    pub(crate) output: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) weights_sha256: Option<String>,
    /// Samples of the original at its own rate.
    pub(crate) input_samples: Option<u64>,
    pub(crate) input_rate_hz: Option<u32>,
    /// Channels that are coded.
    pub(crate) channels: Option<usize>,
    pub(crate) frames: Option<usize>,
    pub(crate) codebooks: Option<usize>,
    pub(crate) audio_seconds: Option<f64>,
    pub(crate) elapsed_seconds: f64,
    pub(crate) status: Status,
    pub(crate) error: Option<String>,
    #[serde(flatten)]
    pub(crate) roundtrip: Option<Roundtrip>,
}

/// What a round trip adds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Roundtrip {
    /// The decoded file.
    pub(crate) decoded: String,
    pub(crate) si_sdr_db: Option<f64>,
    pub(crate) input_bytes: u64,
    pub(crate) token_bytes: u64,
    pub(crate) decoded_bytes: u64,
    /// Kilobits a second of the codes alone.
    pub(crate) nominal_kbps: f64,
    /// Kilobits a second of the token file.
    pub(crate) file_kbps: Option<f64>,
}

impl Record {
    pub(crate) fn of(input: &Path) -> Self {
        Self { input: input.display().to_string(), ..Self::default() }
    }

    /// Sets length and rate of the original, and so its duration.
    pub(crate) fn set_input(&mut self, samples: Option<u64>, rate_hz: Option<u32>) {
        self.input_samples = samples;
        self.input_rate_hz = rate_hz;
        self.audio_seconds = match (samples, rate_hz) {
            (Some(samples), Some(rate_hz)) if rate_hz > 0 => Some(samples as f64 / f64::from(rate_hz)),
            _ => None,
        };
    }
}

/// An error with its causes, each said once: many errors repeat their cause in their own text.
pub(crate) fn error_text(error: &Error) -> String {
    error.chain().fold(String::new(), |mut text, cause| {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        text
    })
}

/// What a panic said, if it said anything.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

/// The error with the file's name in front, unless it begins with it.
pub(crate) fn error_of_file(path: &Path, error: &Error) -> String {
    let (name, text) = (path.display().to_string(), error_text(error));
    if text.starts_with(&name) { text } else { format!("{name}: {text}") }
}

/// Prints one record as a line of JSON.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn print_record<T: Serialize>(record: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

/// Prints text for people on standard output.
///
/// # Errors
/// When standard output cannot be written.
pub(crate) fn print_text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_and_names_are_said_once() {
        let error = anyhow!("broken pipe").context("cannot write: broken pipe").context("no output");
        assert_eq!(error_text(&error), "no output: cannot write: broken pipe");
        let input = Path::new("a.wav");
        assert_eq!(error_of_file(input, &anyhow!("is empty")), "a.wav: is empty");
        assert_eq!(error_of_file(input, &anyhow!("a.wav: is empty")), "a.wav: is empty");
    }

    #[test]
    fn a_record_has_every_key_even_when_nothing_is_known() {
        let record = Record { status: Status::Error, ..Record::of(Path::new("a.wav")) };
        let value = serde_json::to_value(&record).unwrap();
        let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        for key in [
            "input",
            "output",
            "model",
            "weights_sha256",
            "input_samples",
            "input_rate_hz",
            "channels",
            "frames",
            "codebooks",
            "audio_seconds",
            "elapsed_seconds",
            "status",
            "error",
        ] {
            assert!(keys.contains(&key), "{key}");
        }
        assert_eq!(keys.len(), 13);
        assert_eq!(value["status"], "error");
    }

    #[test]
    fn a_duration_needs_both_length_and_rate() {
        let mut record = Record::default();
        record.set_input(Some(22050), Some(44100));
        assert_eq!(record.audio_seconds, Some(0.5));
        record.set_input(Some(1), Some(0));
        assert_eq!(record.audio_seconds, None);
    }
}
