//! Interface between the run of a batch and its kind of work: encode, decode or round trip.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dac::SampleFormat;
use dac::audio::WavWriter;
use dac::tokens::TokenFile;
use dac_atomic::{AtomicFile, FinishedFile};

use crate::cancel::StopState;
use crate::error::BatchError;
use crate::manifest::{Record, Roundtrip};
use crate::observer::BatchObserver;
use crate::plan::Job;
use crate::staging::StagingDir;

/// Work that a batch does for every job. It notes what it learns in the job's record, even if it fails later.
pub(crate) trait Work: Sync {
    /// Values passed from [`Work::prepare`] to [`Work::run`].
    type Prepared;

    /// Reason for refusing an existing output that no manifest lists.
    const UNLISTED: &'static str = "no manifest lists it";

    /// Determines model and settings of a job, which decide whether an existing output is up to date.
    fn prepare(&self, context: &JobContext<'_>, facts: &mut Record) -> Result<Self::Prepared, BatchError>;

    /// Checks that an existing output that no manifest lists is the result of this job.
    fn check_unlisted(&self, _: &JobContext<'_>, _: &mut Record, output: &Path) -> Result<(), BatchError> {
        Err(BatchError::exists(output, Self::UNLISTED))
    }

    /// Does the work.
    fn run(
        &self,
        context: &JobContext<'_>,
        prepared: Self::Prepared,
        facts: &mut Record,
    ) -> Result<Outcome, BatchError>;
}

/// Result of the work on one job.
pub(crate) struct Outcome {
    pub(crate) product: Product,
    /// Additional record keys of a round trip.
    pub(crate) roundtrip: Option<Roundtrip>,
    /// Description for users, such as `1.00 s -> out/a.dac: 87 frames of 9 codebooks`.
    pub(crate) description: String,
}

/// Output of a job.
pub(crate) enum Product {
    /// Complete files in the staging directory, in the order of [`Job::outputs`].
    Files(Vec<FinishedFile>),
    /// Tokens for a pack.
    PackEntry(Box<TokenFile>),
}

/// Surroundings of a job: its plan, where to write, and the batch around it.
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

    /// Starts a WAV file in a staging file for the output at `index`.
    pub(crate) fn wav_writer(
        &self,
        index: usize,
        rate_hz: u32,
        channels: usize,
        format: SampleFormat,
    ) -> Result<WavWriter, BatchError> {
        let file = self.staged_file(index)?;
        Ok(WavWriter::new(file, self.output(index)?, rate_hz, channels, format)?)
    }
}
