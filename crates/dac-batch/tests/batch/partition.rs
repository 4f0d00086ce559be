//! Partitions and the names of their manifests.

use std::fs;

use dac_batch::{MANIFEST_NAME, Partition, manifests_in, partition_manifest_name};

#[test]
fn the_text_round_trips() {
    let partition: Partition = "3/16".parse().unwrap();
    assert_eq!((partition.index(), partition.count(), partition.to_string()), (3, 16, "3/16".to_owned()));
    for invalid in ["", "3", "4/4", "-1/2", "0/0", "1/2/3", "a/b"] {
        assert!(invalid.parse::<Partition>().is_err(), "{invalid}");
    }
}

#[test]
fn every_key_is_in_exactly_one_partition_and_partitions_have_similar_sizes() {
    let partitions: Vec<_> = (0..4).map(|index| Partition::new(index, 4).unwrap()).collect();
    let mut sizes = [0; 4];
    for n in 0..4000 {
        let key = format!("speaker{}/clip-{n}.dac", n % 37);
        let owners: Vec<_> = partitions.iter().filter(|partition| partition.contains(&key)).collect();
        assert_eq!(owners.len(), 1, "{key}");
        sizes[owners[0].index() as usize] += 1;
    }
    assert!(sizes.iter().all(|size| (900..1100).contains(size)), "{sizes:?}");
    // The assignment must never change: jobs resume with later versions.
    assert!(Partition::new(0, 7).unwrap().contains("a.dac"));
}

#[test]
fn partition_manifest_names_round_trip() {
    let partition = Partition::new(3, 16).unwrap();
    assert_eq!(partition_manifest_name(partition), ".dac-manifest.3-of-16.jsonl");
    let dir = tempfile::tempdir().unwrap();
    for name in [".dac-manifest.3-of-16.jsonl", MANIFEST_NAME, ".dac-manifest.4-of-4.jsonl", "a.dac"] {
        fs::write(dir.path().join(name), b"").unwrap();
    }
    let path = |name: &str| dir.path().join(name);
    let expected = [(None, path(MANIFEST_NAME)), (Some(partition), path(".dac-manifest.3-of-16.jsonl"))];
    assert_eq!(manifests_in(dir.path()).unwrap(), expected);
}
