//! What is said of each file: one JSON record on standard output, or a line for people on standard error.

use std::any::Any;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Error;
use serde::Serialize;

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

/// Says a line to people on standard error. Whether anyone hears it is not what the work is for, so that a closed or full one is
/// no error.
pub(crate) fn say(line: impl fmt::Display) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
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
}
