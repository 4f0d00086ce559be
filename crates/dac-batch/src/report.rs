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
    /// Number of jobs that were not decided because the batch stopped early.
    pub fn remaining(&self) -> usize {
        self.jobs - self.done - self.skipped - self.planned - self.failed
    }

    /// Counts a decided job.
    pub(crate) fn count(&mut self, status: Status) {
        *match status {
            Status::Ok => &mut self.done,
            Status::Skipped => &mut self.skipped,
            Status::Planned => &mut self.planned,
            Status::Error => &mut self.failed,
        } += 1;
    }
}
