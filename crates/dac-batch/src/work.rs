//! Interface between the run of a batch and its kind of work: encode, decode or round trip.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use dac::audio::WavWriter;
use dac::tokens::TokenFile;
use dac::{Dac, SampleFormat};
use dac_atomic::{AtomicFile, FinishedFile};

use crate::cancel::StopState;
use crate::error::BatchError;
use crate::manifest::Roundtrip;
use crate::observer::BatchObserver;
use crate::output_check::OutputState;
use crate::plan::Job;
use crate::staging::StagingDir;

/// Work that a batch does for every job.
pub(crate) trait Work: Sync {
    /// Values passed from [`Work::prepare`] to [`Work::run`].
    type Prepared;

    /// Determines model and settings of a job, which decide whether an existing output is up to date.
    fn prepare(&self, context: &JobContext<'_>, facts: &mut JobFacts) -> Result<Self::Prepared, BatchError>;

    /// Checks an existing output of a job that no manifest lists.
    fn check_unlisted(
        &self,
        context: &JobContext<'_>,
        facts: &mut JobFacts,
        output: &Path,
    ) -> Result<OutputState, BatchError>;

    /// Does the work.
    fn run(
        &self,
        context: &JobContext<'_>,
        prepared: Self::Prepared,
        facts: &mut JobFacts,
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

/// Facts about a job that its work learned, even if it failed later.
#[derive(Debug, Clone, Default)]
pub(crate) struct JobFacts {
    pub(crate) model: Option<Arc<str>>,
    pub(crate) weights_sha256: Option<Arc<str>>,
    pub(crate) settings: Option<Arc<str>>,
    pub(crate) input_samples: Option<u64>,
    pub(crate) input_rate_hz: Option<u32>,
    pub(crate) input_truncated: Option<bool>,
    pub(crate) channels: Option<usize>,
    pub(crate) frames: Option<usize>,
    pub(crate) codebooks: Option<usize>,
    pub(crate) audio_seconds: Option<f64>,
}

impl JobFacts {
    /// Sets length and rate of the original audio, and with them its duration.
    pub(crate) fn set_input(&mut self, samples: Option<u64>, rate_hz: Option<u32>) {
        self.input_samples = samples;
        self.input_rate_hz = rate_hz;
        self.audio_seconds = match (samples, rate_hz) {
            (Some(samples), Some(rate_hz)) if rate_hz > 0 => Some(samples as f64 / f64::from(rate_hz)),
            _ => None,
        };
    }

    pub(crate) fn set_model(&mut self, dac: &Dac) {
        self.model = Some(dac.info().name.as_str().into());
        self.weights_sha256 = Some(dac.info().weights_sha256.as_str().into());
    }
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
    ///
    /// # Errors
    /// When the job has no such output.
    pub(crate) fn output(&self, index: usize) -> Result<&'a Path, BatchError> {
        let missing = || BatchError::Job("internal error: the job has no such output".to_owned());
        self.job.outputs.get(index).map(std::path::PathBuf::as_path).ok_or_else(missing)
    }

    /// Creates a staging file for the output at `index`.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn staged_file(&self, index: usize) -> Result<AtomicFile, BatchError> {
        let path = self.output(index)?;
        let missing = || BatchError::Job("internal error: a dry run has no staging directory".to_owned());
        let dir = self.staging.ok_or_else(missing)?.path();
        AtomicFile::create_in(dir, path).map_err(|error| BatchError::write(path, error))
    }

    /// Starts a WAV file in a staging file for the output at `index`.
    ///
    /// # Errors
    /// When it cannot be created.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_needs_length_and_rate() {
        let mut facts = JobFacts::default();
        facts.set_input(Some(22050), Some(44100));
        assert_eq!(facts.audio_seconds, Some(0.5));
        facts.set_input(Some(1), Some(0));
        assert_eq!(facts.audio_seconds, None);
    }
}
