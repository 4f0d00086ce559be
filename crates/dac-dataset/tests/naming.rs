//! File names of shards and their numbering.

use std::fs;

use dac_dataset::{PackKind, PackNaming};
use dac_tokens::{Format, IntegerType, WriteOptions};

#[test]
fn numbering_continues_after_existing_shards_of_the_same_tag_and_kind() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, first) = (PackNaming::default(), PackNaming::tagged("0-of-4").unwrap());
    let tar = &PackKind::Tar(Format::Npy, WriteOptions::default());
    let [parquet, shar] = &[PackKind::Parquet(IntegerType::U16), PackKind::Shar(IntegerType::U16)];
    assert_eq!(plain.next_number(folder.path(), tar).unwrap(), 0);
    for name in [
        "tokens-000007.tar",
        "tokens-0-of-4-1234567.tar",
        "tokens-000030.parquet",
        "tokens-.tar",
        "tokens-99999999999999999999999.tar",
        "other-000050.tar",
        "codes.000003.tar",
        "codes.0-of-4-000004.tar",
        "cuts.000060.jsonl.gz",
    ] {
        fs::write(folder.path().join(name), b"").unwrap();
    }
    assert_eq!(plain.next_number(folder.path(), tar).unwrap(), 8);
    assert_eq!(first.next_number(folder.path(), tar).unwrap(), 1_234_568);
    assert_eq!(plain.next_number(folder.path(), parquet).unwrap(), 31);
    assert_eq!(plain.next_number(folder.path(), shar).unwrap(), 4);
    assert_eq!(first.next_number(folder.path(), shar).unwrap(), 5);
    assert_eq!(plain.next_number(&folder.path().join("missing"), tar).unwrap(), 0);
    assert_eq!(PackNaming::fixed("cuts.000007").file_name(0, shar), "codes.000007.tar");
    assert_eq!(PackNaming::fixed("cuts.000007").file_name(0, tar), "cuts.000007.tar");
    for tag in ["", "a/b", "a.b", "é"] {
        assert!(PackNaming::tagged(tag).is_err(), "{tag}");
    }
}
