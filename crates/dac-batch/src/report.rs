//! Numbers of jobs by result.

use crate::cancel::StopReason;
use crate::manifest::Status;

/// Numbers of jobs of a batch by their result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchReport {
    /// All jobs.
    pub jobs: usize,
    /// Jobs done in this run.
    pub done: usize,
    /// Jobs done by earlier runs.
    pub skipped: usize,
    /// Jobs that a dry run would do.
    pub planned: usize,
    /// Failed jobs.
    pub failed: usize,
    /// Reason why the batch stopped early.
    pub stopped: Option<StopReason>,
}

impl BatchReport {
    /// Number of jobs without a result because the batch stopped early.
    pub fn remaining(&self) -> usize {
        self.jobs - self.done - self.skipped - self.planned - self.failed
    }

    pub(crate) fn count(&mut self, status: Status) {
        match status {
            Status::Ok => self.done += 1,
            Status::Skipped => self.skipped += 1,
            Status::Planned => self.planned += 1,
            Status::Error => self.failed += 1,
        }
    }
}
