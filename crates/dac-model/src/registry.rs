//! Lookups of published weight files by preset, publisher or hash.

use crate::preset::Preset;
pub use crate::published::{Published, Source, UnknownSource};

/// Returns the file that `source` publishes for `preset`, if any. [`Preset::Tiny`] has none: its weights are
/// embedded.
pub fn published(preset: Preset, source: Source) -> Option<Published> {
    preset.published().iter().find(|file| file.source == source).cloned()
}

/// Lists the publishers of `preset`, the default first.
pub fn sources(preset: Preset) -> Vec<Source> {
    preset.published().iter().map(|file| file.source).collect()
}

/// Finds the published file with this SHA-256 (lower-case hexadecimal), if its hash is known.
pub fn of_sha256(sha256: &str) -> Option<(Preset, Source)> {
    let files =
        Preset::ALL.into_iter().flat_map(|preset| preset.published().iter().map(move |file| (preset, file)));
    let mut matching = files.filter(|(_, file)| file.sha256 == Some(sha256));
    matching.next().map(|(preset, file)| (preset, file.source))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_model_that_is_not_embedded_is_published_by_descript() {
        for preset in Preset::ALL {
            let expected = if preset == Preset::Tiny { None } else { Some(Source::Descript) };
            assert_eq!(sources(preset).first().copied(), expected, "{preset}");
        }
        assert_eq!(sources(Preset::Khz44Kbps16), [Source::Descript]);
        assert_eq!(sources(Preset::Khz16), Source::ALL);
    }

    #[test]
    fn addresses_names_and_hashes_are_well_formed_and_unique() {
        let (mut names, mut urls, mut files) = (HashSet::new(), HashSet::new(), 0);
        for preset in Preset::ALL {
            for file in preset.published() {
                let stem = format!("{preset}-{}.", file.source);
                assert!(file.file_name.starts_with(&stem), "{} for {stem}", file.file_name);
                let is_release = file.source == Source::Descript;
                let extension = if is_release { ".pth" } else { ".safetensors" };
                assert!(file.url.ends_with(extension) && file.file_name.ends_with(extension), "{}", file.url);
                assert_eq!((file.repository.is_none(), file.tag.is_some()), (is_release, is_release));
                assert_eq!(published(preset, file.source).as_ref(), Some(file));
                if let Some(sha256) = file.sha256 {
                    let is_hex = sha256.bytes().all(|b| b"0123456789abcdef".contains(&b));
                    assert!(sha256.len() == 64 && is_hex, "{sha256}");
                    assert_eq!(of_sha256(sha256), Some((preset, file.source)));
                }
                names.insert(file.file_name);
                urls.insert(file.url);
                files += 1;
            }
        }
        assert_eq!((names.len(), urls.len(), files), (10, 10, 10));
        assert_eq!(of_sha256(""), None);
    }

    #[test]
    fn addresses_equal_the_published_ones() {
        let url = |preset, source| published(preset, source).unwrap().url;
        assert_eq!(
            url(Preset::Khz44, Source::Descript),
            "https://github.com/descriptinc/descript-audio-codec/releases/download/0.0.1/weights.pth"
        );
        assert_eq!(
            url(Preset::Khz24, Source::Transformers),
            "https://huggingface.co/descript/dac_24khz/resolve/main/model.safetensors"
        );
    }
}
