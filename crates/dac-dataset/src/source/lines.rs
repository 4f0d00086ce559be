//! Lines of text files, of bounded length.

use std::io::{self, BufRead, BufReader, Read};

/// Longest line.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// Lines of a text file without their line ends.
pub(super) struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    /// Number of the last line, from 1.
    pub(super) number: u64,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader: BufReader::with_capacity(1 << 16, reader), number: 0 }
    }

    /// Reads the next line that is not empty; `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let mut line = Vec::new();
            let read = self.reader.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if line.len() as u64 > MAX_LINE_BYTES {
                let text = format!("line {} has more than {MAX_LINE_BYTES} bytes", self.number);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
            while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                line.pop();
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(line));
            }
        }
    }
}
