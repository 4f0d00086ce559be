//! Messages, progress and results of a batch, for the program that runs it.

use std::time::Duration;

use dac::codec::BatchTotals;

use crate::cancel::StopReason;
use crate::manifest::{Record, Status};

/// Receives messages, progress and records of a batch; called from several threads at once. Every method
/// defaults to doing nothing.
pub trait BatchObserver: Sync {
    /// Called once, before the first job starts, with the number of jobs and the total size of their inputs.
    fn started(&self, _jobs: usize, _input_bytes: u64) {}

    /// Called when a data set turns out to have this many more jobs than were counted.
    fn found(&self, _jobs: usize) {}

    /// Receives a message that a user should see.
    fn message(&self, _text: &str) {}

    /// Called when work on an input ended, with its size and the duration of the audio processed: `None` for
    /// a skipped or failed job. The record of a packed entry follows later, with its shard.
    fn progressed(&self, _input_bytes: u64, _audio_seconds: Option<f64>) {}

    /// Receives the record of a job and, unless it failed, a description of what was done, skipped or
    /// planned.
    fn job_ended(&self, _record: &Record, _description: &str) {}
}

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
    /// Inputs and pieces that were too short or too long.
    pub dropped: usize,
    /// Failed jobs.
    pub failed: usize,
    /// Reason why the batch stopped early.
    pub stopped: Option<StopReason>,
    /// Use of a device that computes several files at once.
    pub device: Option<DeviceUse>,
}

/// Use of a device that computes several files at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceUse {
    /// What it computed.
    pub totals: BatchTotals,
    /// Duration of the batch run.
    pub elapsed: Duration,
}

impl DeviceUse {
    /// Share of the time in which the device was busy, from 0 to 1.
    pub fn busy_share(&self) -> f64 {
        (self.totals.busy.as_secs_f64() / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)).min(1.0)
    }

    /// Average number of files, or windows of long files, that were computed at once.
    pub fn items_per_batch(&self) -> f64 {
        self.totals.items as f64 / (self.totals.batches as f64).max(1.0)
    }
}

impl BatchReport {
    /// Number of jobs without a result because the batch stopped early.
    pub fn remaining(&self) -> usize {
        self.jobs.saturating_sub(self.ended())
    }

    /// Number of jobs with a result.
    pub(crate) fn ended(&self) -> usize {
        self.done + self.skipped + self.planned + self.dropped + self.failed
    }

    pub(crate) fn count(&mut self, status: Status) {
        match status {
            Status::Ok => self.done += 1,
            Status::Skipped => self.skipped += 1,
            Status::Planned => self.planned += 1,
            Status::Dropped => self.dropped += 1,
            Status::Error => self.failed += 1,
        }
    }
}
