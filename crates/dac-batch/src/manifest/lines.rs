//! Reading the lines of a manifest.

use std::io::{self, BufRead, Read};

use super::record::Record;
use super::run_mark::RunMark;

/// Longest line that is parsed, in bytes; a record takes about a thousand.
pub const MAX_LINE_BYTES: u64 = 1 << 20;

/// Valid line of a manifest.
pub(super) enum Line<'a> {
    /// Record of a job, and the line.
    Record(Box<Record>, &'a [u8]),
    /// Start or end of the run of a partition.
    Mark(RunMark),
}

/// What [`each_line`] read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinesRead {
    /// Number of lines that are neither records nor marks, are too long, or are truncated by the end of the
    /// file.
    pub(super) malformed_lines: usize,
    /// Size of the lines that end with a line feed.
    pub(super) complete_bytes: u64,
}

/// Calls `each` with every valid line. Ignores empty lines.
pub(super) fn each_line(mut reader: impl BufRead, mut each: impl FnMut(Line<'_>)) -> io::Result<LinesRead> {
    let mut line = Vec::new();
    let mut read = LinesRead::default();
    loop {
        line.clear();
        let taken = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        if taken == 0 {
            return Ok(read);
        }
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            read.malformed_lines += 1;
            let skipped = reader.skip_until(b'\n')?;
            if skipped > 0 {
                read.complete_bytes += (taken + skipped) as u64;
            }
            continue;
        }
        read.complete_bytes += taken as u64;
        match serde_json::from_slice::<Record>(&line) {
            Ok(record) if record.key.is_none() => match serde_json::from_slice(&line) {
                Ok(mark) => each(Line::Mark(mark)),
                Err(_) => each(Line::Record(Box::new(record), &line)),
            },
            Ok(record) => each(Line::Record(Box::new(record), &line)),
            Err(_) => read.malformed_lines += usize::from(!line.is_empty()),
        }
    }
}
