//! The formats, by name and by content.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::dacp::MAGIC;
use crate::error::TokenError;

/// How many bytes of a file tell its format.
pub const SNIFF_BYTES: usize = 256;

/// A way to write tokens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// Named arrays with metadata; holds everything.
    #[default]
    Safetensors,
    /// One numpy array, codes or z, without metadata.
    Npy,
    /// A torch tensor, or a dict of tensors, without metadata.
    Pt,
    /// The reference's own file: codes and the metadata that its decoder needs.
    Dac,
    /// The project's compact stream: packed codes in blocks.
    Dacp,
}

/// A name that is no format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown token format {name:?}: safetensors, npy, pt, dac and dacp are known")]
pub struct UnknownFormat {
    /// The name.
    pub name: String,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [Self::Safetensors, Self::Npy, Self::Pt, Self::Dac, Self::Dacp];

    /// The file name's extension, without the dot; also the format's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Npy => "npy",
            Self::Pt => "pt",
            Self::Dac => "dac",
            Self::Dacp => "dacp",
        }
    }

    /// The format of a file that begins with `bytes`, of which [`SNIFF_BYTES`] are enough.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..SNIFF_BYTES).unwrap_or(bytes);
        if bytes.starts_with(&MAGIC) {
            return Some(Self::Dacp);
        }
        if bytes.starts_with(b"\x93NUMPY") {
            // An object array holds a pickle; numpy writes the element type first.
            let objects = bytes.windows(4).any(|w| matches!(w, b"'|O'" | b"\"|O\""));
            return Some(if objects { Self::Dac } else { Self::Npy });
        }
        if bytes.starts_with(b"PK\x03\x04") {
            return Some(Self::Pt);
        }
        // The header's length, whatever it claims, then the header.
        if bytes.get(8) == Some(&b'{') {
            return Some(Self::Safetensors);
        }
        None
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.extension())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// A format by its name, with or without a leading dot, in any case.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let bare = name.strip_prefix('.').unwrap_or(name);
        let found = Self::ALL.into_iter().find(|f| f.extension().eq_ignore_ascii_case(bare));
        found.ok_or_else(|| UnknownFormat { name: name.to_owned() })
    }
}

/// The format of a file that begins with `start`.
pub(crate) fn sniffed(start: &[u8]) -> Result<Format, TokenError> {
    if start.is_empty() {
        return Err(TokenError::Empty);
    }
    let unknown = || TokenError::UnknownFormat { found: start.iter().copied().take(8).collect() };
    Format::sniff(start).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert_eq!(format!(".{format}").to_uppercase().parse(), Ok(format));
        }
        assert!("wav".parse::<Format>().is_err());
        assert_eq!(Format::sniff(b""), None);
        assert_eq!(Format::sniff(b"RIFF....WAVEfmt "), None);
    }
}
