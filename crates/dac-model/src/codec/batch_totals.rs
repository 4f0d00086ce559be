//! What batches of several signals have done.

use std::time::Duration;

/// What a codec has computed in batches that threads share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchTotals {
    /// Number of batches.
    pub batches: u64,
    /// Signals, or windows of signals, in them.
    pub items: u64,
    /// Time in which at least one batch was in progress.
    pub busy: Duration,
}

impl BatchTotals {
    /// Adds up two totals. Time in which both were busy counts twice.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            batches: self.batches + other.batches,
            items: self.items + other.items,
            busy: self.busy + other.busy,
        }
    }
}
