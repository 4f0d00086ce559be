//! How much a pickle may ask for.

/// Bounds on what one pickle may make the reader hold. The defaults fit token files and checkpoints with much room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest pickle, in bytes; bytes and strings made while reading are held to the same figure.
    pub max_bytes: usize,
    /// Values made by opcodes, and values in the resulting tree (shared ones count at each use, and so do axes of shapes).
    /// The tree is also held to eight values for each byte of the pickle.
    pub max_items: usize,
    /// Entries in the memo.
    pub max_memo: usize,
    /// Nesting of the resulting tree; a value that holds itself counts as endless nesting.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 1 << 32, max_items: 1 << 20, max_memo: 1 << 20, max_depth: 64 }
    }
}

impl Limits {
    /// The same limits with another `max_bytes`.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The same limits with another `max_items`.
    #[must_use]
    pub fn with_max_items(mut self, max_items: usize) -> Self {
        self.max_items = max_items;
        self
    }
}
