//! Printing: results on stdout, messages on stderr.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Error;
use serde::Serialize;

/// Text of an error followed by those causes that it does not already contain.
pub(crate) fn error_text(error: &Error) -> String {
    dac_batch::error_text(error.as_ref())
}

/// Error text with the name of the file in front, unless the text contains it.
pub(crate) fn error_of_file(path: &Path, error: &Error) -> String {
    dac_batch::error_text_of_file(&path.display().to_string(), &error_text(error))
}

/// Prints a line to stderr; write errors are ignored.
pub(crate) fn eprint_line(line: impl fmt::Display) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Prints a record as a line of JSON to stdout.
pub(crate) fn print_record<T: Serialize>(record: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

/// Prints a text and a line feed to stdout.
pub(crate) fn print_text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
