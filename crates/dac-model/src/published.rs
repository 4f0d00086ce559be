//! Published weight files: publisher, address, size and hash.

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
    /// Repository of IBM Research: torch `.pth` files of models for speech.
    Ibm,
}

impl Source {
    /// All publishers, the default first.
    pub const ALL: [Self; 4] = [Self::Descript, Self::Hance, Self::Transformers, Self::Ibm];

    /// Returns the name used on the command line and in the cache's file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Descript => "descript",
            Self::Hance => "hance",
            Self::Transformers => "transformers",
            Self::Ibm => "ibm",
        }
    }
}

dac_kernels::impl_names!(Source, "source");

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

impl Published {
    /// Name of the file where it is published.
    pub fn published_name(&self) -> &'static str {
        self.url.rsplit('/').next().unwrap_or_default()
    }
}

/// `release!(PRESET, TAG, FILE, bytes: N, sha256: HASH)`: a file of a GitHub release of
/// `descriptinc/descript-audio-codec`; size and hash are optional.
macro_rules! release {
    ($preset:literal, $tag:literal, $file:literal $(, $fact:ident: $value:literal)*) => {
        Published {
            source: Source::Descript,
            url: concat!(
                "https://github.com/descriptinc/descript-audio-codec/releases/download/",
                $tag,
                "/",
                $file
            ),
            file_name: concat!($preset, "-descript.pth"),
            tag: Some($tag),
            $($fact: Some($value),)*
            ..EMPTY
        }
    };
}

/// `hub!(SOURCE, REPOSITORY, FILE_NAME, bytes: N, sha256: HASH)`: the `model.safetensors` of a Hugging Face
/// repository; size and hash are optional.
macro_rules! hub {
    ($source:ident, $repository:literal, $file_name:literal $(, $fact:ident: $value:literal)*) => {
        Published {
            source: Source::$source,
            url: concat!("https://huggingface.co/", $repository, "/resolve/main/model.safetensors"),
            file_name: $file_name,
            repository: Some($repository),
            $($fact: Some($value),)*
            ..EMPTY
        }
    };
}

/// `ibm!(FILE, FILE_NAME, bytes: N, sha256: HASH)`: a file of the repository of IBM Research; size and hash
/// are optional.
macro_rules! ibm {
    ($file:literal, $file_name:literal $(, $fact:ident: $value:literal)*) => {
        Published {
            source: Source::Ibm,
            url: concat!("https://huggingface.co/ibm-research/DAC.speech.v1.0/resolve/main/", $file),
            file_name: $file_name,
            repository: Some("ibm-research/DAC.speech.v1.0"),
            $($fact: Some($value),)*
            ..EMPTY
        }
    };
}

pub(crate) use {hub, ibm, release};

/// The values of fields that an entry leaves out.
pub(crate) const EMPTY: Published = Published {
    source: Source::Descript,
    url: "",
    bytes: None,
    sha256: None,
    file_name: "",
    repository: None,
    tag: None,
};
