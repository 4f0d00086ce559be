//! Who publishes which model's weights, under which address, and how to recognise a true copy.
//!
//! This is data: nothing here opens a connection or a file. Sizes and SHA-256 sums are given where they are known; where
//! they are not, only loading the file proves it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::Preset;

/// A publisher's name that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("unknown source '{found}', expected descript, hance or transformers")]
pub struct UnknownSource {
    /// What was asked for.
    pub found: String,
}

/// Whose copy of a model's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Source {
    /// The authors' releases: torch `.pth` files.
    Descript,
    /// The `hance-ai` repositories: the same state dict as safetensors.
    Hance,
    /// The repositories of the transformers library's `DacModel`: folded weights as safetensors.
    Transformers,
}

impl Source {
    /// All publishers, the default first.
    pub const ALL: [Self; 3] = [Self::Descript, Self::Hance, Self::Transformers];

    /// The name on the command line and in the cache's file names.
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
        Self::ALL
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or_else(|| UnknownSource { found: text.to_owned() })
    }
}

/// One published file of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Where it is downloaded from.
    pub url: &'static str,
    /// Its exact size in bytes, where known.
    pub bytes: Option<u64>,
    /// The SHA-256 of the file in lower-case hexadecimal, where known.
    pub sha256: Option<&'static str>,
    /// The name under which it is kept, unique among all published files.
    pub file_name: &'static str,
    /// The Hugging Face repository `OWNER/NAME` that holds it, if one does.
    pub repository: Option<&'static str>,
    /// The release that holds it, if it is a release's file.
    pub tag: Option<&'static str>,
}

macro_rules! release {
    ($tag:literal, $file:literal, $name:literal, $bytes:expr, $sha256:expr) => {
        Some(Published {
            url: concat!(
                "https://github.com/descriptinc/descript-audio-codec/releases/download/",
                $tag,
                "/",
                $file
            ),
            bytes: $bytes,
            sha256: $sha256,
            file_name: concat!($name, "-descript.pth"),
            repository: None,
            tag: Some($tag),
        })
    };
}

macro_rules! hub {
    ($repository:literal, $file_name:literal, $bytes:expr, $sha256:expr) => {
        Some(Published {
            url: concat!("https://huggingface.co/", $repository, "/resolve/main/model.safetensors"),
            bytes: $bytes,
            sha256: $sha256,
            file_name: $file_name,
            repository: Some($repository),
            tag: None,
        })
    };
}

/// The file that `source` publishes for `preset`; none where it publishes none, and never one for [`Preset::Tiny`], whose
/// weights are part of the library.
pub fn published(preset: Preset, source: Source) -> Option<Published> {
    match (preset, source) {
        (Preset::Khz44, Source::Descript) => release!(
            "0.0.1",
            "weights.pth",
            "44khz",
            Some(306_717_287),
            Some("a88eed82a7024ccc1facdb1e605c4c2f99281c8118c22c9895ffa846d8fb61aa")
        ),
        (Preset::Khz44Kbps16, Source::Descript) => {
            release!("1.0.0", "weights_44khz_16kbps.pth", "44khz-16kbps", Some(256_984_809), None)
        }
        (Preset::Khz24, Source::Descript) => release!(
            "0.0.4",
            "weights_24khz.pth",
            "24khz",
            None,
            Some("44bad592fc393e03eb0be7a5120b7d487fe9612fa41269dc03fca3d4b87e20ad")
        ),
        (Preset::Khz16, Source::Descript) => release!(
            "0.0.5",
            "weights_16khz.pth",
            "16khz",
            Some(296_820_733),
            Some("95ab7176b67137d4d4c6c54b8d6ef3cea797faec228cb03ad084badcad570b4d")
        ),
        (Preset::Khz44, Source::Hance) => {
            hub!("hance-ai/descript-audio-codec-44khz", "44khz-hance.safetensors", None, None)
        }
        (Preset::Khz24, Source::Hance) => {
            hub!("hance-ai/descript-audio-codec-24khz", "24khz-hance.safetensors", None, None)
        }
        (Preset::Khz16, Source::Hance) => {
            hub!("hance-ai/descript-audio-codec-16khz", "16khz-hance.safetensors", None, None)
        }
        (Preset::Khz44, Source::Transformers) => hub!(
            "descript/dac_44khz",
            "44khz-transformers.safetensors",
            Some(306_507_276),
            Some("6128ebff483a41422b0164d079a3773b0d8d82e64c4293d775994cbf8baf913a")
        ),
        (Preset::Khz24, Source::Transformers) => hub!(
            "descript/dac_24khz",
            "24khz-transformers.safetensors",
            Some(298_652_268),
            Some("7452e3fc6972991da871ae1a1c9d3e8e219aa247cc0f757018867d6a7fe59aaf")
        ),
        (Preset::Khz16, Source::Transformers) => {
            hub!("descript/dac_16khz", "16khz-transformers.safetensors", None, None)
        }
        _ => None,
    }
}

/// The sources that publish `preset`, the default first.
pub fn sources(preset: Preset) -> Vec<Source> {
    Source::ALL.into_iter().filter(|&source| published(preset, source).is_some()).collect()
}

/// The model and publisher whose file has this SHA-256 (lower-case hexadecimal), among the sums that are known.
pub fn of_sha256(sha256: &str) -> Option<(Preset, Source)> {
    let pairs = Preset::ALL.into_iter().flat_map(|preset| Source::ALL.map(|source| (preset, source)));
    pairs.into_iter().find(|&(preset, source)| {
        published(preset, source).and_then(|file| file.sha256).is_some_and(|known| known == sha256)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn every() -> Vec<(Preset, Source, Published)> {
        let mut all = Vec::new();
        for preset in Preset::ALL {
            for source in Source::ALL {
                all.extend(published(preset, source).map(|file| (preset, source, file)));
            }
        }
        all
    }

    #[test]
    fn every_preset_but_the_embedded_one_is_published_by_its_authors() {
        for preset in Preset::ALL {
            let expected = if preset == Preset::Tiny { None } else { Some(Source::Descript) };
            assert_eq!(sources(preset).first().copied(), expected, "{preset}");
        }
        assert_eq!(sources(Preset::Khz44Kbps16), [Source::Descript]);
        assert_eq!(sources(Preset::Khz16), Source::ALL);
    }

    #[test]
    fn addresses_names_and_sums_are_well_formed_and_unique() {
        let all = every();
        assert_eq!(all.len(), 10);
        for (preset, source, file) in &all {
            let stem = format!("{preset}-{source}.");
            assert!(file.file_name.starts_with(&stem), "{} for {stem}", file.file_name);
            let extension = if *source == Source::Descript { ".pth" } else { ".safetensors" };
            assert!(file.url.ends_with(extension) && file.file_name.ends_with(extension), "{}", file.url);
            assert_eq!(file.repository.is_some(), *source != Source::Descript);
            assert_eq!(file.tag.is_some(), *source == Source::Descript);
            if let Some(sum) = file.sha256 {
                assert!(sum.len() == 64 && sum.bytes().all(|b| b"0123456789abcdef".contains(&b)), "{sum}");
                assert_eq!(of_sha256(sum), Some((*preset, *source)));
            }
        }
        let names: HashSet<_> = all.iter().map(|(.., file)| file.file_name).collect();
        let urls: HashSet<_> = all.iter().map(|(.., file)| file.url).collect();
        assert_eq!((names.len(), urls.len()), (all.len(), all.len()));
        assert_eq!(of_sha256(""), None);
    }

    #[test]
    fn the_original_release_is_where_it_was_published() {
        let file = published(Preset::Khz44, Source::Descript).unwrap();
        let folder = "https://github.com/descriptinc/descript-audio-codec/releases/download";
        assert_eq!(file.url, format!("{folder}/0.0.1/weights.pth"));
        let file = published(Preset::Khz24, Source::Transformers).unwrap();
        assert_eq!(file.url, "https://huggingface.co/descript/dac_24khz/resolve/main/model.safetensors");
    }

    #[test]
    fn names_go_both_ways() {
        for source in Source::ALL {
            assert_eq!(source.name().parse(), Ok(source));
        }
        assert!("huggingface".parse::<Source>().is_err());
    }
}
