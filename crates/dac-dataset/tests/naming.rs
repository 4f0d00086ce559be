//! File names of shards and their numbering.

use std::fs;

use dac_dataset::PackNaming;

#[test]
fn numbering_continues_after_existing_shards_of_the_same_tag_and_extension() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, first) = (PackNaming::default(), PackNaming::tagged("0-of-4").unwrap());
    assert_eq!(plain.next_number(folder.path(), "tar").unwrap(), 0);
    for name in [
        "tokens-000007.tar",
        "tokens-0-of-4-1234567.tar",
        "tokens-000030.parquet",
        "tokens-.tar",
        "tokens-99999999999999999999999.tar",
        "other-000050.tar",
    ] {
        fs::write(folder.path().join(name), b"").unwrap();
    }
    assert_eq!(plain.next_number(folder.path(), "tar").unwrap(), 8);
    assert_eq!(first.next_number(folder.path(), "tar").unwrap(), 1_234_568);
    assert_eq!(plain.next_number(folder.path(), "parquet").unwrap(), 31);
    assert!(plain.next_number(&folder.path().join("missing"), "tar").is_err());
    for tag in ["", "a/b", "a.b", "é"] {
        assert!(PackNaming::tagged(tag).is_err(), "{tag}");
    }
}
