//! Appending to manifests.

use dac_batch::{ManifestIndex, ManifestWriter, Record};

fn record(key: &str) -> Record {
    Record { key: Some(key.into()), output_sha256: Some("0".repeat(64).into()), ..Record::default() }
}

#[test]
fn a_truncated_line_does_not_affect_other_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.jsonl");
    ManifestWriter::open(&path).unwrap().append([&record("a")]).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, [&whole, &whole[..length]].concat()).unwrap();
        ManifestWriter::open(&path).unwrap().append([&record("b")]).unwrap();
        let mut index = ManifestIndex::default();
        index.read(&path).unwrap();
        assert!(index.contains_key("a") && index.contains_key("b"), "{length}");
        // A complete line without its line feed is a valid record.
        let malformed = usize::from(length > 0 && length < whole.len() - 1);
        assert_eq!(index.malformed_lines(), malformed, "{length}");
    }
}

#[test]
fn several_writers_can_append_to_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.jsonl");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let mut file = ManifestWriter::open(path).unwrap();
                for n in 0..25 {
                    file.append([&record(&format!("{writer}-{n}")), &record(&format!("{writer}-{n}b"))])
                        .unwrap();
                }
            });
        }
    });
    let mut index = ManifestIndex::default();
    index.read(&path).unwrap();
    assert_eq!((index.len(), index.malformed_lines()), (200, 0));
}
