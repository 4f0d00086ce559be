//! Keys of paths.

use std::path::Path;

use dac_dataset::{KeyError, SampleKey};

fn key(path: &str) -> String {
    SampleKey::of(Path::new(path)).unwrap().to_string()
}

#[test]
fn characters_special_to_webdataset_are_quoted() {
    assert_eq!(key("a"), "a");
    assert_eq!(key("./speaker.1/two words/é"), "speaker.1/two words/é");
    assert_eq!(key("a.b.c"), "a%2Eb%2Ec");
    assert_eq!(key("folder/.hidden"), "folder/%2Ehidden");
    assert_eq!(key("a%2Eb"), "a%252Eb");
    assert_eq!(key("a\nb\u{7f}"), "a%0Ab%7F");
    assert_eq!(key("__meta__/a"), "%5F_meta__/a");
    assert_eq!(key("__meta__"), "__meta__");
    assert_eq!(key("x/__meta__/a"), "x/__meta__/a");
    assert_eq!(key("___/a"), "___/a");
}

#[test]
fn paths_outside_the_folder_are_rejected() {
    let error = |path: &str| SampleKey::of(Path::new(path)).unwrap_err();
    for path in ["", "."] {
        assert_eq!(error(path), KeyError::Empty { path: path.into() });
    }
    for path in ["../a", "a/../../b", "/a"] {
        assert_eq!(error(path), KeyError::Outside { path: path.into() });
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_utf8_are_quoted() {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"a\xff.b"));
    assert_eq!(SampleKey::of(path).unwrap().as_str(), "a%FF%2Eb");
}
