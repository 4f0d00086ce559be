//! Limits on the size of a pickle.

/// Highest number of axes of an array or tensor, which is numpy's own limit.
pub(crate) const MAX_AXES: usize = 64;

/// Limits on what one pickle can make the reader allocate. The defaults are far above what token files and
/// checkpoints need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Length of the pickle in bytes; bytes and texts created while reading have the same limit.
    pub max_bytes: usize,
    /// Number of values created by opcodes, and of values in the resulting tree, where shared values count at
    /// each use and axes of shapes count too. The tree is also limited to eight values per byte of the
    /// pickle.
    pub max_items: usize,
    /// Number of entries in the memo.
    pub max_memo: usize,
    /// Depth of the resulting tree. A value that contains itself is infinitely deep.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // 4 GiB, or the longest allocation of a 32-bit processor.
        let max_bytes = usize::try_from(1_u64 << 32).unwrap_or(isize::MAX as usize);
        Self { max_bytes, max_items: 1 << 20, max_memo: 1 << 20, max_depth: 64 }
    }
}
