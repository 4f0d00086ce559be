//! Partitions of a job list.

use dac_batch::{MANIFEST_NAME, Partition, manifests_in, partition_manifest_name};

#[test]
fn text_is_parsed_and_printed() {
    let partition: Partition = "3/16".parse().unwrap();
    assert_eq!((partition.index(), partition.count(), partition.to_string()), (3, 16, "3/16".to_owned()));
    // Task 7 of an array whose tasks start at part 1000.
    assert_eq!("7+1000/2500".parse::<Partition>().unwrap(), Partition::new(1007, 2500).unwrap());
    for invalid in ["", "3", "4/4", "-1/2", "0/0", "1/2/3", "a/b", "1+/4", "+1/4", "2+2/4", "4294967295+1/4"]
    {
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
fn manifests_are_found_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let partition = Partition::new(3, 16).unwrap();
    let name = partition_manifest_name(partition);
    assert_eq!(name, ".dac-manifest.3-of-16.jsonl");
    for name in [&name, MANIFEST_NAME, ".dac-manifest.16-of-16.jsonl", "other.jsonl"] {
        std::fs::write(dir.path().join(name), b"").unwrap();
    }
    let expected = [(None, dir.path().join(MANIFEST_NAME)), (Some(partition), dir.path().join(name))];
    assert_eq!(manifests_in(dir.path()).unwrap(), expected);
}
