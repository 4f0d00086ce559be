//! Partitions: disjoint parts of a job list that run independently.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// Part `index` of `count` of a job list, written `I/N` with I from 0 to N-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    index: u32,
    count: u32,
}

impl Partition {
    /// Part `index` of `count`; `None` unless `index` is below `count`.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Index of the part, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Number of parts.
    pub fn count(self) -> u32 {
        self.count
    }

    /// Reports whether the job with this key belongs to the part. This depends only on the key and the number
    /// of parts: adding files does not move others, and all machines agree.
    pub fn contains(self, key: &str) -> bool {
        let digest = Sha256::digest(key.as_bytes());
        let head = digest.iter().take(8).fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        head % u64::from(self.count) == u64::from(self.index)
    }

    /// The partition as part of a file name: `I-of-N`.
    pub(crate) fn tag(self) -> String {
        format!("{}-of-{}", self.index, self.count)
    }

    pub(crate) fn from_tag(tag: &str) -> Option<Self> {
        let (index, count) = tag.split_once("-of-")?;
        Self::new(index.parse().ok()?, count.parse().ok()?)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// A text that is not a partition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid partition {text:?}: expected I/N with I from 0 to N-1, for example 0/4")]
pub struct InvalidPartition {
    text: String,
}

impl FromStr for Partition {
    type Err = InvalidPartition;

    fn from_str(text: &str) -> Result<Self, InvalidPartition> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            Self::new(index.trim().parse().ok()?, count.trim().parse().ok()?)
        };
        parse().ok_or_else(|| InvalidPartition { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_tag_round_trip() {
        let partition: Partition = "3/16".parse().unwrap();
        assert_eq!((partition.index(), partition.count(), partition.to_string()), (3, 16, "3/16".to_owned()));
        assert_eq!(Partition::from_tag(&partition.tag()), Some(partition));
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
}
