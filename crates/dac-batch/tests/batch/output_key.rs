//! Keys of outputs.

use std::path::Path;

use dac_batch::output_key;

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
