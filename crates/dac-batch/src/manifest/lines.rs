//! Reading the lines of a manifest.

use std::io::{self, BufRead, Read};

use super::record::Record;

/// Longest line that is parsed, in bytes; a record takes about a thousand.
pub const MAX_LINE_BYTES: u64 = 1 << 20;

/// Calls `each` with every record and its line. Returns the number of malformed lines: those that are not
/// records, are too long, or are truncated by the end of the file. Ignores empty lines.
pub(super) fn each_record(
    mut reader: impl BufRead,
    mut each: impl FnMut(Record, &[u8]),
) -> io::Result<usize> {
    let mut line = Vec::new();
    let mut malformed_lines = 0;
    loop {
        line.clear();
        if reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(malformed_lines);
        }
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            malformed_lines += 1;
            reader.skip_until(b'\n')?;
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(record) => each(record, &line),
            Err(_) => malformed_lines += usize::from(!line.is_empty()),
        }
    }
}
