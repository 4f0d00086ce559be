//! Messages, progress and results of a batch, for the program that runs it.

use crate::manifest::Record;

/// Receives messages, progress and records of a batch; called from several threads at once. Every method
/// defaults to doing nothing.
pub trait BatchObserver: Sync {
    /// Called once, before the first job starts, with the number of jobs and the total size of their inputs.
    fn started(&self, _jobs: usize, _input_bytes: u64) {}

    /// Receives a message that a user should see.
    fn message(&self, _text: &str) {}

    /// Called when work on an input ended, with its size and the duration of the audio processed: `None` for
    /// a skipped or failed job. The record of a packed entry follows later, with its shard.
    fn progressed(&self, _input_bytes: u64, _audio_seconds: Option<f64>) {}

    /// Receives the record of a job and, unless it failed, a description of what was done, skipped or
    /// planned.
    fn job_ended(&self, _record: &Record, _description: &str) {}
}
