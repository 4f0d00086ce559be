//! Surroundings of a job: where its work writes, reports, and learns that the batch stops.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dac::audio::{AudioWriter, WriteFormat};
use dac_atomic::AtomicFile;

use crate::cancel::StopState;
use crate::error::BatchError;
use crate::observer::BatchObserver;
use crate::plan::Job;
use crate::staging::StagingDir;

/// Job with its staging directory and the batch around it.
pub(crate) struct JobContext<'a> {
    pub(crate) job: &'a Job,
    /// `None` in a dry run.
    pub(crate) staging: Option<&'a StagingDir>,
    pub(crate) stop: &'a StopState<'a>,
    pub(crate) observer: &'a dyn BatchObserver,
}

impl<'a> JobContext<'a> {
    /// Passes a message about the input to the user.
    pub(crate) fn warn(&self, text: &str) {
        self.observer.message(&format!("{}: {text}", self.job.input.display()));
    }

    /// Progress of an encode or decode, which is cancelled when the batch has to stop.
    pub(crate) fn progress(&self) -> impl FnMut(u64) -> ControlFlow<()> {
        |_| if self.stop.check().is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Path of the output at `index`.
    pub(crate) fn output(&self, index: usize) -> Result<&'a Path, BatchError> {
        let missing = || BatchError::internal("the job has no such output");
        self.job.outputs.get(index).map(PathBuf::as_path).ok_or_else(missing)
    }

    /// Creates a staging file for the output at `index`.
    pub(crate) fn staged_file(&self, index: usize) -> Result<AtomicFile, BatchError> {
        let path = self.output(index)?;
        let missing = || BatchError::internal("a dry run has no staging directory");
        let dir = self.staging.ok_or_else(missing)?.path();
        AtomicFile::create_in(dir, path).map_err(|error| BatchError::write(path, error))
    }

    /// Starts an audio file in a staging file for the output at `index`.
    pub(crate) fn audio_writer(
        &self,
        index: usize,
        rate_hz: u32,
        channels: usize,
        format: WriteFormat,
    ) -> Result<AudioWriter, BatchError> {
        let file = self.staged_file(index)?;
        Ok(AudioWriter::new(file, self.output(index)?, rate_hz, channels, format)?)
    }
}
