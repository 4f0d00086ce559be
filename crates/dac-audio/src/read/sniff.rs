//! Format detection from the first bytes, so that a text file named `.wav` is reported as text.

use std::io::{self, Read};
use std::path::Path;

use super::spec::READABLE;
use crate::AudioError;

/// Number of bytes that are inspected.
const HEAD_BYTES: usize = 64;

/// Reader of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// `WavReader`.
    Wav,
    /// symphonia.
    Other,
}

/// Reads the first bytes of a stream, fewer if it is shorter.
pub(super) fn read_head(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    source.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Chooses the reader for a stream that begins with `head`.
pub(super) fn container(path: &Path, head: &[u8]) -> Result<Container, AudioError> {
    if head.is_empty() {
        return Err(AudioError::EmptyFile { path: path.to_owned() });
    }
    let form = head.get(8..12).unwrap_or_default();
    if matches!(head.get(..4), Some(b"RIFF" | b"RF64" | b"BW64")) && form == b"WAVE" {
        return Ok(Container::Wav);
    }
    let unsupported = match (head.get(..4), form) {
        (Some(b"RIFX"), _) => Some("big-endian WAV (RIFX)"),
        (Some(b"riff"), _) => Some("Sony Wave64"),
        (Some(b"wvpk"), _) => Some("WavPack"),
        (Some(b"MAC "), _) => Some("Monkey's Audio"),
        (Some(b"TTA1"), _) => Some("True Audio"),
        (Some(b"caff"), _) => Some("Core Audio Format"),
        (Some(b".snd"), _) => Some("Sun/NeXT audio"),
        (Some([0x1a, 0x45, 0xdf, 0xa3]), _) => Some("Matroska/WebM"),
        (Some([0x30, 0x26, 0xb2, 0x75]), _) => Some("Windows Media (ASF)"),
        (Some(b"RIFF"), b"AVI ") => Some("AVI video"),
        _ => None,
    };
    if let Some(codec) = unsupported {
        return Err(AudioError::UnsupportedCodec { path: path.to_owned(), codec: codec.into() });
    }
    if has_signature(head) || (has_mpeg_extension(path) && !is_text(head)) {
        return Ok(Container::Other);
    }
    let path = path.to_owned();
    Err(AudioError::NotAudio { path, expected: READABLE, found: describe(head) })
}

/// True for the signatures of the formats that symphonia reads.
pub(super) fn has_signature(head: &[u8]) -> bool {
    let form = head.get(8..12).unwrap_or_default();
    match head {
        [b'f', b'L', b'a', b'C', ..] | [b'O', b'g', b'g', b'S', ..] | [b'I', b'D', b'3', ..] => true,
        [b'F', b'O', b'R', b'M', ..] => matches!(form, b"AIFF" | b"AIFC"),
        // An MPEG audio or ADTS frame: eleven or twelve sync bits, then a valid layer and rate.
        [0xff, second, third, ..] => {
            let mpeg = second & 0xe0 == 0xe0
                && second & 0x18 != 0x08
                && second & 0x06 != 0
                && third & 0xf0 != 0xf0
                && third & 0x0c != 0x0c;
            mpeg || second & 0xf6 == 0xf0
        }
        _ => matches!(head.get(4..8), Some(b"ftyp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide")),
    }
}

/// True for MP3 and AAC files, which may begin with arbitrary bytes before their first frame.
fn has_mpeg_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|text| text.to_str()).unwrap_or_default();
    ["mp1", "mp2", "mp3", "aac", "adts"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn is_text(head: &[u8]) -> bool {
    head.iter().all(|&byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..))
        && String::from_utf8_lossy(head).chars().filter(|&c| c == char::REPLACEMENT_CHARACTER).count() <= 1
}

/// Describes the first bytes for an error message.
pub(super) fn describe(head: &[u8]) -> String {
    if is_text(head) {
        let text: String = String::from_utf8_lossy(head).chars().take(16).collect();
        return format!("text that begins with {text:?}");
    }
    let hex: Vec<String> = head.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("bytes {}", hex.join(" "))
}
