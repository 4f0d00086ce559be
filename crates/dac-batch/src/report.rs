//! Numbers of jobs by result.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cancel::StopReason;
use crate::manifest::Status;

/// Numbers of jobs of a batch by their result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// Counters of a running batch.
#[derive(Debug, Default)]
pub(crate) struct JobCounts {
    done: AtomicUsize,
    skipped: AtomicUsize,
    planned: AtomicUsize,
    failed: AtomicUsize,
}

impl JobCounts {
    pub(crate) fn add(&self, status: Status) {
        let count = match status {
            Status::Ok => &self.done,
            Status::Skipped => &self.skipped,
            Status::Planned => &self.planned,
            Status::Error => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn report(&self, jobs: usize, stopped: Option<StopReason>) -> BatchReport {
        let load = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        BatchReport {
            jobs,
            done: load(&self.done),
            skipped: load(&self.skipped),
            planned: load(&self.planned),
            failed: load(&self.failed),
            stopped,
        }
    }
}
