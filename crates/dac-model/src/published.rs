//! Published weight files: publisher, address, size and hash.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// An unknown publisher.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("unknown source '{found}', expected descript, hance or transformers")]
pub struct UnknownSource {
    /// Requested name.
    pub found: String,
}

/// The publisher of a weight file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Source {
    /// Releases of the authors: torch `.pth` files.
    Descript,
    /// Repositories of `hance-ai`: the same state dict as safetensors.
    Hance,
    /// Repositories for the transformers library's `DacModel`: folded weights as safetensors.
    Transformers,
}

impl Source {
    /// All publishers, the default first.
    pub const ALL: [Self; 3] = [Self::Descript, Self::Hance, Self::Transformers];

    /// Returns the name used on the command line and in the cache's file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Descript => "descript",
            Self::Hance => "hance",
            Self::Transformers => "transformers",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let unknown = || UnknownSource { found: text.to_owned() };
        Self::ALL.into_iter().find(|source| source.name() == text).ok_or_else(unknown)
    }
}

/// A published weight file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The publisher.
    pub source: Source,
    /// Download address.
    pub url: &'static str,
    /// Exact size in bytes, if known.
    pub bytes: Option<u64>,
    /// SHA-256 in lower-case hexadecimal, if known.
    pub sha256: Option<&'static str>,
    /// File name in our cache, unique among all published files.
    pub file_name: &'static str,
    /// Hugging Face repository `OWNER/NAME`, if the file is in one.
    pub repository: Option<&'static str>,
    /// GitHub release, if the file is part of one.
    pub tag: Option<&'static str>,
}

/// A file of a GitHub release of `descriptinc/descript-audio-codec`.
macro_rules! release {
    ($preset:literal, $tag:literal, $file:literal, $bytes:expr, $sha256:expr) => {
        Published {
            source: Source::Descript,
            url: concat!(
                "https://github.com/descriptinc/descript-audio-codec/releases/download/",
                $tag,
                "/",
                $file
            ),
            bytes: $bytes,
            sha256: $sha256,
            file_name: concat!($preset, "-descript.pth"),
            repository: None,
            tag: Some($tag),
        }
    };
}

/// The `model.safetensors` of a Hugging Face repository.
macro_rules! hub {
    ($source:expr, $repository:literal, $file_name:literal, $bytes:expr, $sha256:expr) => {
        Published {
            source: $source,
            url: concat!("https://huggingface.co/", $repository, "/resolve/main/model.safetensors"),
            bytes: $bytes,
            sha256: $sha256,
            file_name: $file_name,
            repository: Some($repository),
            tag: None,
        }
    };
}

pub(crate) use {hub, release};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_names_parse_to_the_source_they_print() {
        for source in Source::ALL {
            assert_eq!(source.name().parse(), Ok(source));
        }
        assert!("huggingface".parse::<Source>().is_err());
    }
}
