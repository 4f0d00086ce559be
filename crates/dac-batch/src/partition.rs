//! Partitions: disjoint parts of a job list that run independently.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::BatchError;

/// Part `index` of `count` of a job list, written `I/N` with I from 0 to N-1. I may be a sum, `J+OFFSET/N`:
/// the indices of job arrays start at 0, and schedulers limit them.
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

impl FromStr for Partition {
    type Err = BatchError;

    fn from_str(text: &str) -> Result<Self, BatchError> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            let add = |sum: u32, part: &str| sum.checked_add(part.trim().parse().ok()?);
            Self::new(index.split('+').try_fold(0, add)?, count.trim().parse().ok()?)
        };
        let invalid = || {
            format!(
                "invalid partition {text:?}: expected I/N with I from 0 to N-1, for example 0/4 or \
                 3+1000/2500"
            )
        };
        parse().ok_or_else(|| BatchError::Usage(invalid()))
    }
}
