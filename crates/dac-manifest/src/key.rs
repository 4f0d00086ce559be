//! What names a file in a manifest.

use std::fmt::Write;
use std::path::{Component, Path};

/// The key of a result at `place` below the output folder: its parts with `/` between them. Bytes that are no UTF-8, and `%`
/// itself, are written as in URLs (`%FF`, `%25`), so that different places have different keys.
pub fn key_of(place: &Path) -> String {
    let mut key = String::new();
    for component in place.components() {
        let Component::Normal(part) = component else { continue };
        if !key.is_empty() {
            key.push('/');
        }
        for chunk in part.as_encoded_bytes().utf8_chunks() {
            key += &chunk.valid().replace('%', "%25");
            for byte in chunk.invalid() {
                // Writing to a text cannot fail.
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
        assert_eq!(key_of(Path::new("./speaker 1/é.v2.dac")), "speaker 1/é.v2.dac");
        assert_eq!(key_of(Path::new("../a//b.dac")), "a/b.dac");
        assert_eq!(key_of(Path::new("100%/a%FF.dac")), "100%25/a%25FF.dac");
        assert_eq!(key_of(Path::new("")), "");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_stay_apart() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let key = |name: &[u8]| key_of(Path::new(OsStr::from_bytes(name)));
        assert_eq!(key(b"x/a\xff.dac"), "x/a%FF.dac");
        assert_eq!(key(b"x/a\xfe.dac"), "x/a%FE.dac");
        // Half of a letter.
        assert_eq!(key(b"\xc3/\xc3\xa9"), "%C3/é");
    }
}
