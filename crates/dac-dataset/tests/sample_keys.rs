//! Keys of paths.

use std::path::Path;

use dac_dataset::SampleKey;

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
    for (path, reason) in [
        ("", "it is empty"),
        (".", "it is empty"),
        ("../a", "it must be relative and must not contain .."),
        ("a/../../b", "it must be relative and must not contain .."),
        ("/a", "it must be relative and must not contain .."),
    ] {
        let error = SampleKey::of(Path::new(path)).unwrap_err();
        assert_eq!((error.path.as_path(), error.reason), (Path::new(path), reason));
        assert_eq!(error.to_string(), format!("cannot make a key of {path:?}: {reason}"));
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_utf8_are_quoted() {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"a\xff.b"));
    assert_eq!(SampleKey::of(path).unwrap().as_str(), "a%FF%2Eb");
}
