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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_same_on_every_system() {
        assert_eq!(output_key(Path::new("./speaker 1/é.v2.dac")), "speaker 1/é.v2.dac");
        assert_eq!(output_key(Path::new("../a//b.dac")), "a/b.dac");
        assert_eq!(output_key(Path::new("100%/a%FF.dac")), "100%25/a%25FF.dac");
        assert_eq!(output_key(Path::new("")), "");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_have_different_keys() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let key = |name: &[u8]| output_key(Path::new(OsStr::from_bytes(name)));
        assert_eq!(key(b"x/a\xff.dac"), "x/a%FF.dac");
        assert_eq!(key(b"x/a\xfe.dac"), "x/a%FE.dac");
        // Half of a two-byte character.
        assert_eq!(key(b"\xc3/\xc3\xa9"), "%C3/é");
    }
}
