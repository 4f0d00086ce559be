//! State and record of a running job.

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use dac_atomic::is_pipe_or_device;

use crate::error::BatchError;
use crate::file_stamp::{FileStamp, Fingerprint, seconds_since_1970};
use crate::manifest::{Record, Status};
use crate::plan::Job;
use crate::row_data::RowData;

/// State of a job while a worker has it.
pub(crate) struct JobState {
    pub(crate) job: Arc<Job>,
    /// Input before the work; `None` if it could not be examined, or is a pipe.
    pub(crate) stamp: Option<FileStamp>,
    /// True for an input that is not a regular file: it cannot be read again.
    is_pipe: bool,
    started: Instant,
    /// What is known so far, with the status `Ok`.
    pub(crate) record: Record,
}

impl JobState {
    /// Starts a job.
    pub(crate) fn start(job: Arc<Job>, data: &RowData) -> Self {
        let is_pipe = data.identity.is_none() && is_pipe_or_device(&job.input);
        let stamp = match &data.identity {
            Some(identity) => identity.stamp,
            None if is_pipe => None,
            None => FileStamp::of(&job.input).ok(),
        };
        let record = Record {
            key: Some(job.key.as_str().into()),
            output: job.outputs.first().map(|output| path_text(output)),
            input_bytes: stamp.map(|stamp| stamp.bytes),
            input_modified_s: stamp.and_then(|stamp| stamp.modified_s()),
            ..Record::new(&job.input)
        };
        Self { job, stamp, is_pipe, started: Instant::now(), record }
    }

    /// Notes that the work has ended.
    pub(crate) fn stop_clock(&mut self) {
        self.record.elapsed_seconds = self.started.elapsed().as_secs_f64();
        self.record.finished_s = seconds_since_1970(SystemTime::now());
    }

    /// Hashes the input and checks that it did not change while it was read. Size and hash of a pipe remain
    /// unknown.
    pub(crate) fn verify_input(&mut self, data: &RowData) -> Result<(), BatchError> {
        if let Some(identity) = &data.identity {
            let input = identity.verify()?;
            self.record.input_bytes = Some(input.bytes);
            self.record.input_sha256 = Some(input.sha256.into());
            return Ok(());
        }
        if self.is_pipe {
            return Ok(());
        }
        let path = &self.job.input;
        let input = Fingerprint::of(path).map_err(|error| BatchError::read(path, error))?;
        let missing = || BatchError::Job(format!("{} did not exist when its work began", path.display()));
        self.stamp.ok_or_else(missing)?.check_unchanged(path)?;
        self.record.input_bytes = Some(input.bytes);
        self.record.input_sha256 = Some(input.sha256.into());
        Ok(())
    }

    /// Record of a job with this (first) output.
    pub(crate) fn record_of_output(&self, output: Fingerprint) -> Record {
        Record {
            output_bytes: Some(output.bytes),
            output_sha256: Some(output.sha256.into()),
            ..self.record.clone()
        }
    }

    /// Record of a job whose valid output a manifest lists, in this shard if it is an entry of a pack.
    pub(crate) fn record_of_listed(&self, listed: &Record, shard: Option<&Path>) -> Record {
        let record = self.record.clone();
        let mut roundtrip = listed.roundtrip.clone();
        if let (Some(roundtrip), Some(decoded)) = (&mut roundtrip, self.job.outputs.get(1)) {
            roundtrip.decoded = decoded.display().to_string();
        }
        Record {
            input: record.input,
            key: record.key,
            output: shard.map(path_text).or(record.output),
            elapsed_seconds: record.elapsed_seconds,
            finished_s: record.finished_s,
            status: Status::Skipped,
            roundtrip,
            ..listed.clone()
        }
    }
}

fn path_text(path: &Path) -> Box<str> {
    path.display().to_string().into()
}
