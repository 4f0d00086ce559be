//! Lookups of published weight files by preset, publisher or hash.

use crate::preset::Preset;
pub use crate::published::{Published, Source};

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
