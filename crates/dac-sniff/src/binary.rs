//! Kinds of binary files, by their signatures.

use crate::archive::UNPACK;
use crate::{Guess, Kind};

/// First bytes of a file of torch before 1.6: a pickled magic number.
const LEGACY_TORCH: [u8; 15] =
    [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

/// Remedy for [`LEGACY_TORCH`].
const SAVE_AGAIN: &str = "load it with torch.load and save it again with torch.save of torch 1.6 or newer";

/// Longest header of a safetensors file, which is the library's own limit.
const MAX_SAFETENSORS_HEADER: u64 = 100_000_000;

/// Signatures that `infer` does not know, or of which it gives only a MIME type that few people know.
const SIGNATURES: [(&[u8], Kind, &str); 16] = [
    (b"\x93NUMPY", Kind::Npy, "a numpy array (.npy)"),
    (b"\x89DACP\r\n\x1a", Kind::Dacp, "a .dacp token file"),
    (b"\x89HDF\r\n\x1a\n", Kind::Other, "an HDF5 file"),
    (b"GGUF", Kind::Other, "a GGUF model"),
    (b"PAR1", Kind::Other, "a parquet file"),
    (b"ARROW1", Kind::Other, "an Arrow file"),
    (b"SQLite format 3", Kind::Other, "an SQLite database"),
    (b"%PDF-", Kind::Other, "a PDF document"),
    (b"\x7fELF", Kind::Other, "a program"),
    (b"wvpk", Kind::Media, "WavPack audio"),
    (b"MAC ", Kind::Media, "Monkey's Audio"),
    (b"RIFF", Kind::Media, "a RIFF file, such as WAV audio"),
    (b"RIFX", Kind::Media, "WAV audio"),
    (b"RF64", Kind::Media, "WAV audio"),
    (b"BW64", Kind::Media, "WAV audio"),
    (b"caff", Kind::Media, "CAF audio"),
];

pub(crate) fn guess(head: &[u8]) -> Option<Guess> {
    if head.starts_with(&LEGACY_TORCH) {
        return Some(Guess::new(Kind::LegacyTorch, "a file of torch before 1.6").with_remedy(SAVE_AGAIN));
    }
    if let &[0x80, protocol @ 2..=5, ..] = head {
        let what = format!("a Python pickle of protocol {protocol} outside a torch file");
        return Some(Guess::new(Kind::Pickle, what).with_remedy("save its content with torch.save"));
    }
    if is_safetensors(head) {
        return Some(Guess::new(Kind::Safetensors, "a safetensors file"));
    }
    let (_, kind, what) = SIGNATURES.iter().find(|(signature, ..)| head.starts_with(signature))?;
    Some(Guess::new(*kind, *what))
}

/// Returns true for a header's length followed by the start of a JSON object.
fn is_safetensors(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<8>() else { return false };
    (2..=MAX_SAFETENSORS_HEADER).contains(&u64::from_le_bytes(*length)) && rest.starts_with(b"{")
}

/// Asks the crate `infer`, which knows some 100 signatures, a few of them so short that text can have them.
pub(crate) fn guess_by_infer(head: &[u8]) -> Option<Guess> {
    use infer::MatcherType;
    let found = infer::get(head)?;
    let named = |what: &str| format!("{what} ({})", found.mime_type());
    Some(match found.matcher_type() {
        MatcherType::Audio | MatcherType::Video => Guess::new(Kind::Media, named("an audio or video file")),
        MatcherType::Archive => {
            Guess::new(Kind::Compressed, named("a compressed file or archive")).with_remedy(UNPACK)
        }
        MatcherType::Image => Guess::new(Kind::Other, named("an image")),
        MatcherType::Text => return None,
        _ => Guess::new(Kind::Other, named("a file of another kind")),
    })
}
