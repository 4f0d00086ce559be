//! Marks of the runs of a partition, which show whether its manifest is complete.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::file_stamp::seconds_since_1970;

/// Line of a partition's manifest that marks the start or the end of a run. A partition is finished if its
/// last mark is an end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RunMark {
    /// What happened to the run.
    pub run: RunState,
    /// Number of jobs of the partition.
    pub jobs: usize,
    /// Time in seconds since 1970.
    #[serde(default)]
    pub time_s: Option<f64>,
}

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// The run started.
    Started,
    /// Every job of the run has a record.
    Ended,
}

impl RunMark {
    /// Mark with the present time.
    pub(crate) fn now(run: RunState, jobs: usize) -> Self {
        Self { run, jobs, time_s: seconds_since_1970(SystemTime::now()) }
    }
}
