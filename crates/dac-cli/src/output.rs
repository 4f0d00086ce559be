//! Printing: results on stdout, messages on stderr.

use std::borrow::Cow;
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

/// Prints a text and a line feed to stderr; write errors are ignored. Control characters are escaped, except
/// line feeds.
pub(crate) fn eprint_line(line: impl fmt::Display) {
    let text = escape_controls(&line.to_string(), &['\n']).into_owned();
    let _ = io::stderr().write_all((text + "\n").as_bytes());
}

/// Escapes control characters except those in `kept`, and characters that change the direction of text: names
/// of files may contain any, which would act on the terminal.
pub(crate) fn escape_controls<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    let acts = |c: char| {
        (c.is_control() && !kept.contains(&c))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if acts(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Prints a record as a line of JSON to stdout.
pub(crate) fn print_record<T: Serialize>(record: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

/// Prints a text and a line feed to stdout. Control characters are escaped, except line feeds and tabs.
pub(crate) fn print_text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", escape_controls(text, &['\n', '\t']))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let escape = |text| escape_controls(text, &['\n']);
        assert_eq!(escape("é日本 a.wav\nb"), "é日本 a.wav\nb");
        assert_eq!(escape("a\x1b[31mb\r\u{9b}c\u{202e}vaw.d"), "a\\u{1b}[31mb\\r\\u{9b}c\\u{202e}vaw.d");
        assert_eq!(escape_controls("a\nb\tc", &[]), "a\\nb\\tc");
    }
}
