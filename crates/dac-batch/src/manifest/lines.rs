//! Reading lines of bounded length.

use std::io::{self, BufRead, Read};

/// Longest line that is parsed, in bytes; a record takes about a thousand.
pub const MAX_LINE_BYTES: u64 = 1 << 20;

/// Calls `each` with every complete line of `reader`, without its line feed; with `None` for a line that is
/// too long or truncated by the end of the file.
pub(crate) fn each_line(mut reader: impl BufRead, mut each: impl FnMut(Option<&[u8]>)) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            each(Some(&line));
            continue;
        }
        each(None);
        reader.skip_until(b'\n')?;
    }
}
