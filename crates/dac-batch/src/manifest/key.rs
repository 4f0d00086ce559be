//! Keys: names of outputs in a manifest.

use std::fmt::Write;
use std::path::{Component, Path};

/// Key of an output at `relative`, a path below the output directory: its components joined by `/`. Bytes
/// that are not UTF-8, and `%` itself, are percent-encoded (`%FF`, `%25`), so that different paths have
/// different keys.
pub fn output_key(relative: &Path) -> String {
    let mut key = String::new();
    for component in relative.components() {
        let Component::Normal(part) = component else { continue };
        if !key.is_empty() {
            key.push('/');
        }
        for chunk in part.as_encoded_bytes().utf8_chunks() {
            key += &chunk.valid().replace('%', "%25");
            for byte in chunk.invalid() {
                // Writing to a string cannot fail.
                let _ = write!(key, "%{byte:02X}");
            }
        }
    }
    key
}
