//! Format detection from the first bytes, so that a text file named `.wav` is reported as text.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::mpeg_header::FrameHeader;
use super::spec::READABLE;
use crate::AudioError;

/// Number of bytes that are inspected.
const HEAD_BYTES: usize = 64;
/// Maximum number of tags and blocks of zeros before the audio.
const MAX_TAGS: usize = 1 << 16;

/// Reader of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// `WavReader`.
    Wav,
    Flac,
    Ogg,
    /// MP1, MP2 or MP3.
    Mpeg,
    /// AAC in ADTS.
    Adts,
    Mp4,
    Matroska,
    Aiff,
    /// Core Audio Format.
    Caf,
    /// Sony Wave64.
    Wave64,
    /// Sun/NeXT audio.
    Au,
}

/// Reads the first bytes of a stream, fewer if it is shorter.
pub(super) fn read_head(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    source.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Chooses the reader for a stream. Leaves the source at any position.
pub(super) fn container_of<R: Read + Seek>(path: &Path, source: &mut R) -> Result<Container, AudioError> {
    let (head, has_tags) = read_head_after_tags(source).map_err(|error| AudioError::read(path, error))?;
    container(path, source, &head, has_tags)
}

/// Chooses the reader for a stream that begins with `head`, after tags if `has_tags`. Leaves the source at
/// any position.
pub(super) fn container<R: Read + Seek>(
    path: &Path,
    source: &mut R,
    head: &[u8],
    has_tags: bool,
) -> Result<Container, AudioError> {
    if head.is_empty() && !has_tags {
        return Err(AudioError::EmptyFile { path: path.to_owned() });
    }
    let form = head.get(8..12).unwrap_or_default();
    if is_wav(head) {
        return Ok(Container::Wav);
    }
    let unsupported = match (head.get(..4), form) {
        (Some(b"wvpk"), _) => Some("WavPack"),
        (Some(b"MAC "), _) => Some("Monkey's Audio"),
        (Some(b"TTA1"), _) => Some("True Audio"),
        (Some([0x30, 0x26, 0xb2, 0x75]), _) => Some("Windows Media (ASF)"),
        (Some(b"RIFF"), b"AVI ") => Some("AVI video"),
        _ => None,
    };
    if let Some(codec) = unsupported {
        return Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec: codec.into() });
    }
    if let Some(container) = by_signature(head) {
        return Ok(container);
    }
    if let Some(container) = by_extension(path)
        && (has_tags || !is_text(head))
    {
        return Ok(container);
    }
    if has_tags {
        return Ok(Container::Mpeg);
    }
    let found = dac_sniff::guess_file(source).map_err(|error| AudioError::read(path, error))?;
    Err(AudioError::NotAudio { path: path.to_owned(), expected: READABLE, found: found.to_string() })
}

/// True for WAV: RIFF, RIFX, RF64 or BW64.
pub(super) fn is_wav(head: &[u8]) -> bool {
    matches!(head.get(..4), Some(b"RIFF" | b"RIFX" | b"RF64" | b"BW64")) && head.get(8..12) == Some(b"WAVE")
}

/// Detects a container from its signature.
fn by_signature(head: &[u8]) -> Option<Container> {
    let form = head.get(8..12).unwrap_or_default();
    match head {
        [b'f', b'L', b'a', b'C', ..] => Some(Container::Flac),
        [b'O', b'g', b'g', b'S', ..] => Some(Container::Ogg),
        [b'F', b'O', b'R', b'M', ..] if matches!(form, b"AIFF" | b"AIFC") => Some(Container::Aiff),
        [b'c', b'a', b'f', b'f', ..] => Some(Container::Caf),
        [b'.', b's', b'n', b'd', ..] => Some(Container::Au),
        [b'r', b'i', b'f', b'f', 0x2e, 0x91, ..] => Some(Container::Wave64),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Container::Matroska),
        // An ADTS or MPEG audio frame.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => Some(Container::Adts),
        [0xff, ..] if FrameHeader::parse(head).is_some() => Some(Container::Mpeg),
        _ => matches!(head.get(4..8), Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide"))
            .then_some(Container::Mp4),
    }
}

/// Detects MP3 and AAC from the extension: they may begin with arbitrary bytes before their first frame.
fn by_extension(path: &Path) -> Option<Container> {
    let extension = path.extension().and_then(|text| text.to_str())?.to_ascii_lowercase();
    match extension.as_str() {
        "mp1" | "mp2" | "mp3" => Some(Container::Mpeg),
        "aac" | "adts" => Some(Container::Adts),
        _ => None,
    }
}

/// Reads the first bytes after ID3v2 tags and zeros. Tags are possible before FLAC, MPEG audio and ADTS.
pub(super) fn read_head_after_tags<R: Read + Seek>(source: &mut R) -> io::Result<(Vec<u8>, bool)> {
    let mut at = 0;
    for _ in 0..MAX_TAGS {
        source.seek(SeekFrom::Start(at))?;
        let head = read_head(source)?;
        let &[b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] = head.as_slice() else {
            let zeros = head.iter().take_while(|&&byte| byte == 0).count();
            if at == 0 || zeros == 0 || head.len() < HEAD_BYTES && zeros == head.len() {
                return Ok((head, at > 0));
            }
            at += zeros as u64;
            continue;
        };
        let size = [a, b, c, d].iter().fold(0_u64, |size, &byte| (size << 7) | u64::from(byte & 0x7f));
        at += 10 + size + if flags & 0x10 == 0 { 0 } else { 10 };
    }
    Ok((Vec::new(), true))
}

fn is_text(head: &[u8]) -> bool {
    head.iter().all(|&byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..))
        && String::from_utf8_lossy(head).chars().filter(|&c| c == char::REPLACEMENT_CHARACTER).count() <= 1
}
