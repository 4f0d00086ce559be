//! Tags before, between and after frames of MPEG audio, ADTS and FLAC.

use super::byte_stream::{ByteStream, le32};
use crate::AudioError;

/// Maximum bytes of lyrics.
const MAX_LYRICS: usize = 1 << 17;

/// Skips a tag (ID3v2, ID3v1, APE, Lyrics3) at the current position; returns false if there is none.
pub(super) fn skip_tag(stream: &mut ByteStream) -> Result<bool, AudioError> {
    let head = stream.peek(32)?;
    let bytes = match head {
        [b'I', b'D', b'3', version, _, flags, a, b, c, d, ..]
            if *version < 0x10 && (a | b | c | d) & 0x80 == 0 =>
        {
            let size = [a, b, c, d].iter().fold(0_u64, |size, &&byte| (size << 7) | u64::from(byte));
            let footer = if flags & 0x10 != 0 { 10 } else { 0 };
            10 + size + footer
        }
        [b'T', b'A', b'G', b'+', ..] => 227,
        [b'T', b'A', b'G', ..] => 128,
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', ..] => {
            // The size includes the footer but not the header. A tag that has only a footer ends here.
            let is_header = le32(head, 20).is_some_and(|flags| flags & 0x2000_0000 != 0);
            let size = u64::from(le32(head, 12).unwrap_or(0));
            if is_header { 32 + size } else { 32 }
        }
        [b'L', b'Y', b'R', b'I', b'C', b'S', b'B', b'E', b'G', b'I', b'N', ..] => {
            let lyrics = stream.peek(MAX_LYRICS)?;
            let end = |name: &[u8]| lyrics.windows(9).position(|window| window == name);
            (end(b"LYRICS200").or_else(|| end(b"LYRICSEND")).map_or(11, |at| at + 9)) as u64
        }
        _ => return Ok(false),
    };
    stream.skip(bytes)?;
    Ok(true)
}

/// Skips all tags at the current position.
pub(super) fn skip_tags(stream: &mut ByteStream) -> Result<(), AudioError> {
    while skip_tag(stream)? {}
    Ok(())
}

/// True if a tag begins with `head`.
pub(super) fn is_tag(head: &[u8]) -> bool {
    [&b"ID3"[..], b"TAG", b"APETAGEX", b"LYRICSBEGIN"].iter().any(|name| head.starts_with(name))
}
