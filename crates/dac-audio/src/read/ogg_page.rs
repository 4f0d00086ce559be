//! Pages of Ogg (RFC 3533).

use super::byte_stream::{ByteStream, le32, le64};
use crate::AudioError;

/// Bytes of a page header before its segment table.
const HEADER_BYTES: usize = 27;
/// Bytes that are searched for a page at a time.
const SEARCH_BYTES: usize = 1 << 16;
/// Largest page: header, table and 255 segments of 255 bytes.
const MAX_PAGE_BYTES: usize = HEADER_BYTES + 255 + 255 * 255;

/// A page with a valid checksum.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    pub(super) is_continued: bool,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// Position of the last packet that ends on the page; `None` if none ends.
    pub(super) granule: Option<u64>,
    pub(super) serial: u32,
    pub(super) sequence: u32,
    /// Parts of packets. All but the last end on this page.
    pub(super) parts: Vec<Vec<u8>>,
    /// True if the last packet continues on the next page.
    pub(super) is_unfinished: bool,
}

/// Reads the next page. `skipped` is increased by the number of bytes before it that are no valid page.
pub(super) fn next_page(stream: &mut ByteStream, skipped: &mut u64) -> Result<Option<Page>, AudioError> {
    loop {
        let bytes = stream.peek(MAX_PAGE_BYTES)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if let Some((page, length)) = parse(bytes) {
            stream.consume(length);
            return Ok(Some(page));
        }
        let window = stream.peek(SEARCH_BYTES)?;
        let next = window.windows(4).skip(1).position(|name| name == b"OggS").map(|at| at + 1);
        let count = match next {
            Some(at) => at,
            None if window.len() < SEARCH_BYTES => window.len(),
            None => window.len() - 3,
        };
        stream.consume(count);
        *skipped += count as u64;
    }
}

/// Finds the last page of a file within its last bytes.
pub(super) fn last_page(stream: &mut ByteStream) -> Result<Option<Page>, AudioError> {
    let position = stream.position();
    stream.seek(stream.length().saturating_sub(2 * MAX_PAGE_BYTES as u64))?;
    let mut last = None;
    while let Some(page) = next_page(stream, &mut 0)? {
        last = Some(page);
    }
    stream.seek(position)?;
    Ok(last)
}

/// Parses a page and checks its CRC-32.
fn parse(bytes: &[u8]) -> Option<(Page, usize)> {
    let header = bytes.get(..HEADER_BYTES)?;
    if !header.starts_with(b"OggS\0") {
        return None;
    }
    let flags = *header.get(5)?;
    let segments = bytes.get(HEADER_BYTES..HEADER_BYTES + usize::from(*header.get(26)?))?;
    let start = HEADER_BYTES + segments.len();
    let length = start + segments.iter().map(|&segment| usize::from(segment)).sum::<usize>();
    let page = bytes.get(..length)?;
    if crc32(page) != le32(header, 22)? {
        return None;
    }
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut at = start;
    for &segment in segments {
        part.extend_from_slice(page.get(at..at + usize::from(segment))?);
        at += usize::from(segment);
        if segment < 255 {
            parts.push(std::mem::take(&mut part));
        }
    }
    let is_unfinished = segments.last() == Some(&255);
    if is_unfinished {
        parts.push(part);
    }
    let granule = le64(header, 6).filter(|&granule| granule != u64::MAX);
    let parsed = Page {
        is_continued: flags & 1 != 0,
        is_first: flags & 2 != 0,
        is_last: flags & 4 != 0,
        granule,
        serial: le32(header, 14)?,
        sequence: le32(header, 18)?,
        parts,
        is_unfinished,
    };
    Some((parsed, length))
}

const CRC32: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc >> 31 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

/// Computes the checksum of a page, whose checksum field counts as 0.
fn crc32(page: &[u8]) -> u32 {
    page.iter().enumerate().fold(0, |crc, (at, &byte)| {
        let byte = if (22..26).contains(&at) { 0 } else { byte };
        (crc << 8) ^ CRC32[((crc >> 24) as u8 ^ byte) as usize]
    })
}
