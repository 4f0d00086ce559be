//! Kinds of files, and what the messages say about them.

use dac_sniff::{Guess, Kind, guess, guess_file};

const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n\
    oid sha256:a88eed82a7024ccc1facdb1e605c4c2f99281c8118c22c9895ffa846d8fb61aa\nsize 306717287\n";

/// A zip archive's beginning with entries of the given names and contents.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    for (name, content) in entries {
        file.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        file.extend((content.len() as u32).to_le_bytes());
        file.extend((content.len() as u32).to_le_bytes());
        file.extend((name.len() as u16).to_le_bytes());
        file.extend([0, 0]);
        file.extend(name.as_bytes());
        file.extend(*content);
    }
    file
}

fn safetensors() -> Vec<u8> {
    [&16_u64.to_le_bytes()[..], br#"{"a":{"dtype":"#].concat()
}

fn tar() -> Vec<u8> {
    let mut file = vec![0; 512];
    file[..9].copy_from_slice(b"weights/a");
    file[257..262].copy_from_slice(b"ustar");
    file
}

#[test]
fn a_git_lfs_pointer_is_named_with_its_size_and_the_command() {
    let found = guess(POINTER);
    assert_eq!(found.kind, Kind::GitLfsPointer);
    let text = found.to_string();
    assert!(
        text.starts_with("a Git LFS pointer to a file of 306717287 bytes, not the file itself; "),
        "{text}"
    );
    assert!(text.contains("`git lfs pull`"), "{text}");
}

#[test]
fn web_pages_and_error_documents_are_named() {
    for page in [
        &b"<!DOCTYPE html><html><body>404</body></html>"[..],
        b"\xef\xbb\xbf\n  <html lang=\"en\">",
        b"<!-- cached --><HTML>",
        b"<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0\"><html>",
    ] {
        let found = guess(page);
        assert_eq!(found.kind, Kind::WebPage, "{found}");
        assert!(found.remedy.unwrap().contains("download"));
    }
    let xml = guess(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code></Error>");
    assert_eq!(xml.kind, Kind::Xml);
}

#[test]
fn json_is_named_with_what_it_is() {
    let found = |text: &str| guess(text.as_bytes());
    assert_eq!(found("{\n  \"a\": 1}").to_string(), "JSON");
    assert_eq!(found("[[1, 2], [3, 4]]").to_string(), "JSON");
    assert_eq!(found("[section]").kind, Kind::Text);
    let refused = found(r#"{"error":"Entry not found"}"#);
    assert_eq!(refused.what, r#"JSON with the error "Entry not found""#);
    assert!(refused.remedy.is_some_and(|remedy| remedy.contains("download the file again")), "{refused}");
    let config = found(r#"{"architectures": ["DacModel"], "model_type": "dac"}"#);
    assert!(config.what.contains("config.json"), "{config}");
    let index = found(r#"{"metadata": {"total_size": 9}, "weight_map": {"a": "model-00001-of-00002"}}"#);
    assert_eq!(index.kind, Kind::CheckpointIndex);
    assert!(index.to_string().contains("join the parts"), "{index}");
}

#[test]
fn zip_archives_are_named_by_their_entries() {
    assert_eq!(guess(&zip(&[("archive/data.pkl", b"\x80\x02.")])).kind, Kind::Torch);
    assert_eq!(guess(&zip(&[("x/.format_version", b"1"), ("x/data/0", b"")])).kind, Kind::Torch);
    let npz = guess(&zip(&[("codes.npy", b"\x93NUMPY"), ("z.npy", b"")]));
    assert_eq!((npz.kind, npz.what.as_ref()), (Kind::Npz, "a numpy archive (.npz) of codes.npy, z.npy"));
    let other = guess(&zip(&[("weights/model.safetensors", b"")]));
    assert_eq!(
        other.to_string(),
        "a zip archive whose first entry is \"weights/model.safetensors\"; unpack it and give the file inside"
    );
    assert_eq!(guess(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0").kind, Kind::Zip);
}

#[test]
fn binary_files_are_named_by_their_signatures() {
    let legacy = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e\x80\x02M\xe9\x03.";
    let tar = tar();
    let safetensors = safetensors();
    for (head, kind, what) in [
        (&b""[..], Kind::Empty, "empty"),
        (&[0; 64], Kind::Zeros, "zeros"),
        (legacy, Kind::LegacyTorch, "torch before 1.6"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0}", Kind::Pickle, "pickle of protocol 4"),
        (&safetensors, Kind::Safetensors, "safetensors"),
        (b"\x93NUMPY\x01\0v\0{'descr'", Kind::Npy, "numpy array"),
        (b"\x89DACP\r\n\x1a\x01", Kind::Dacp, ".dacp"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", Kind::Media, "WAV"),
        (b"fLaC\0\0\0\x22\x10\0\x10\0", Kind::Media, "audio"),
        (b"ID3\x04\0\0\0\0\0\x23TSSE\0\0", Kind::Media, "audio"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", Kind::Compressed, "gzip"),
        (&tar, Kind::Compressed, "tar archive whose first entry is \"weights/a\""),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Kind::Other, "image/png"),
        (b"%PDF-1.7\n%\xe2\xe3", Kind::Other, "PDF"),
        (b"\x7fELF\x02\x01\x01\0", Kind::Other, "program"),
    ] {
        let found = guess(head);
        assert!(found.kind == kind && found.what.contains(what), "{kind:?}: {found:?}");
    }
}

#[test]
fn text_that_begins_like_a_binary_signature_is_text() {
    let text = guess(b"BM is the beginning of this sentence.");
    assert_eq!((text.kind, text.what.as_ref()), (Kind::Text, "text that begins with \"BM is the beginn\""));
    assert_eq!(guess("Größe\tÄ".as_bytes()).kind, Kind::Text);
    assert_eq!(guess(b"\xff\xfeh\0i\0").kind, Kind::Text);
}

#[test]
fn unknown_bytes_are_shown_in_hexadecimal() {
    let found = guess(&[1, 2, 0xab, 0, 0, 0, 0, 9, 8]);
    assert_eq!(found.to_string(), "a file of unknown kind (its first bytes are 01 02 ab 00 00 00 00 09)");
    assert!(!found.is_known());
}

#[test]
fn any_prefix_of_any_kind_is_accepted() {
    let heads: [&[u8]; 4] = [POINTER, &zip(&[("a/data.pkl", b"x"), ("b", b"y")]), &tar(), &safetensors()];
    for head in heads {
        (0..=head.len()).for_each(|length| drop(guess(&head[..length])));
    }
}

#[test]
fn a_file_is_read_from_its_beginning() {
    let mut file = std::io::Cursor::new(POINTER);
    file.set_position(40);
    let Guess { kind, .. } = guess_file(&mut file).unwrap();
    assert_eq!(kind, Kind::GitLfsPointer);
}
