//! Elements of EBML (RFC 8794).

use super::byte_stream::ByteStream;
use crate::AudioError;

/// Header of an element; the stream is at its body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub(super) id: u32,
    /// Size of the body; `None` if unknown.
    pub(super) bytes: Option<u64>,
}

/// Reads the header of the next element; `None` at the end of the file or if it is invalid.
pub(super) fn next_element(stream: &mut ByteStream) -> Result<Option<Element>, AudioError> {
    let Some((id, bytes, length)) = header(stream.peek(12)?) else {
        return Ok(None);
    };
    stream.consume(length);
    Ok(Some(Element { id, bytes }))
}

/// Parses id, size and length of a header.
fn header(bytes: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let id_length = bytes.first()?.leading_zeros() as usize + 1;
    if id_length > 4 {
        return None;
    }
    let id = bytes.get(..id_length)?.iter().fold(0_u32, |id, &byte| (id << 8) | u32::from(byte));
    let (size, size_length) = vint(bytes.get(id_length..)?)?;
    let is_unknown = size == (1 << (7 * size_length)) - 1;
    Some((id, (!is_unknown).then_some(size), id_length + size_length))
}

/// Parses a number of variable length; returns it and its length.
pub(super) fn vint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let rest = bytes.get(1..length)?;
    let start = u64::from(first) & ((1_u64 << (8 - length)) - 1);
    Some((rest.iter().fold(start, |value, &byte| (value << 8) | u64::from(byte)), length))
}

/// Iterates over the elements in the body of another, up to the first invalid one.
pub(super) fn children(body: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (id, bytes, length) = header(rest)?;
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok())?;
        let end = length.checked_add(bytes)?;
        let child = rest.get(length..end)?;
        rest = rest.get(end..)?;
        Some((id, child))
    })
}

/// Reads an unsigned integer of up to 8 bytes.
pub(super) fn unsigned(body: &[u8]) -> u64 {
    body.iter().take(8).fold(0, |value, &byte| (value << 8) | u64::from(byte))
}

/// Reads a float of 4 or 8 bytes.
pub(super) fn float(body: &[u8]) -> f64 {
    match *body {
        [a, b, c, d] => f64::from(f32::from_be_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => 0.0,
    }
}
