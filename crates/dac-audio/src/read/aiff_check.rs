//! Check of the AIFF channel count before symphonia 0.6.1, which multiplies it without an overflow check.

use std::io::{Read, Seek, SeekFrom};

/// Maximum number of chunks to search.
const MAX_CHUNKS: usize = 1_024;

/// Reads the number of channels from the `COMM` chunk; `None` if it is missing or the file is truncated
/// before it.
pub(super) fn channels<R: Read + Seek>(source: &mut R) -> Option<usize> {
    let mut at = 12_u64;
    for _ in 0..MAX_CHUNKS {
        source.seek(SeekFrom::Start(at)).ok()?;
        let mut chunk = [0; 10];
        source.read_exact(&mut chunk).ok()?;
        let [a, b, c, d, size @ .., high, low] = chunk;
        if [a, b, c, d] == *b"COMM" {
            return Some(usize::from(u16::from_be_bytes([high, low])));
        }
        let size = u64::from(u32::from_be_bytes(size));
        at += 8 + size + size % 2;
    }
    None
}
