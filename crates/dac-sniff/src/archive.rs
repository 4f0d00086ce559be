//! Zip files and other archives.

use crate::{Guess, Kind};

/// Bytes of a zip entry's header before its name.
const ENTRY_HEADER: usize = 30;

pub(crate) fn guess(head: &[u8]) -> Option<Guess> {
    if head.starts_with(b"PK\x05\x06") {
        return Some(Guess::new(Kind::Zip, "an empty zip archive").with_remedy(crate::AGAIN));
    }
    if head.starts_with(b"PK\x03\x04") {
        return Some(zip(head));
    }
    if head.get(257..262) == Some(b"ustar") {
        let name = name(head.get(..100).unwrap_or_default());
        let what = format!("a tar archive whose first entry is {name:?}");
        return Some(Guess::new(Kind::Compressed, what).with_remedy(UNPACK));
    }
    None
}

/// Next step for archives.
pub(crate) const UNPACK: &str = "unpack it and give the file inside";

/// Describes a zip archive by the names of the entries in `head`.
fn zip(head: &[u8]) -> Guess {
    let names = names(head);
    let ends_with = |end: &str| names.iter().any(|name| name.ends_with(end));
    let folder = |folder: &str| names.iter().any(|name| name.contains(folder));
    let is_torch = ["/data.pkl", "/byteorder", "/.format_version", "/.storage_alignment", "/constants.pkl"];
    if is_torch.into_iter().any(ends_with) || folder("/data/") || folder("/code/") {
        return Guess::new(Kind::Torch, "a torch file");
    }
    if ends_with(".npy") {
        let remedy = "save one of its arrays as .npy with numpy.save";
        return Guess::new(Kind::Npz, format!("a numpy archive (.npz) of {}", names.join(", ")))
            .with_remedy(remedy);
    }
    let what = match names.first() {
        Some(name) => format!("a zip archive whose first entry is {name:?}"),
        None => "a zip archive".to_owned(),
    };
    Guess::new(Kind::Zip, what).with_remedy(UNPACK)
}

/// Names of the entries whose headers are in `head`.
fn names(head: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = head;
    while let Some(header) = rest.get(..ENTRY_HEADER).filter(|header| header.starts_with(b"PK\x03\x04")) {
        let short = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let (name_bytes, extra_bytes) = (short(26), short(28));
        let compressed_bytes = u32::from_le_bytes([header[18], header[19], header[20], header[21]]) as usize;
        let Some(bytes) = rest.get(ENTRY_HEADER..ENTRY_HEADER + name_bytes) else { break };
        names.push(name(bytes));
        // Sizes may follow the content instead; then the next header is not found.
        let next = ENTRY_HEADER + name_bytes + extra_bytes;
        rest = next.checked_add(compressed_bytes).and_then(|next| rest.get(next..)).unwrap_or_default();
    }
    names
}

/// A name that ends at the first zero byte, at most 80 characters of it.
fn name(bytes: &[u8]) -> String {
    let bytes = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).chars().take(80).collect()
}
