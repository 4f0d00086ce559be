//! Surroundings of a job: where its work writes, reports, and learns that the batch stops.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dac::audio::{AudioInput, AudioWriter, ReadOptions, WriteFormat};
use dac::tokens::{TokenError, TokenReader};
use dac_atomic::{AtomicFile, is_pipe_or_device};

use crate::cancel::StopState;
use crate::error::BatchError;
use crate::observer::BatchObserver;
use crate::output_dirs::OutputDirs;
use crate::pipe::PipeReader;
use crate::plan::Job;
use crate::row_data::{RowContent, RowData};
use crate::staging::StagingDir;

/// Where a batch writes.
#[derive(Clone, Copy)]
pub(crate) struct Destination<'a> {
    pub(crate) staging: &'a StagingDir,
    pub(crate) dirs: &'a OutputDirs,
}

impl<'a> From<(&'a StagingDir, &'a OutputDirs)> for Destination<'a> {
    fn from((staging, dirs): (&'a StagingDir, &'a OutputDirs)) -> Self {
        Self { staging, dirs }
    }
}

/// Job with the batch around it.
pub(crate) struct JobContext<'a> {
    pub(crate) job: &'a Job,
    /// What the job works on.
    pub(crate) data: &'a RowData,
    /// `None` in a dry run.
    destination: Option<Destination<'a>>,
    stop: &'a StopState,
    observer: &'a dyn BatchObserver,
    /// Set when reading a pipe ended because the batch stops.
    interrupted: Arc<AtomicBool>,
}

impl<'a> JobContext<'a> {
    pub(crate) fn new(
        job: &'a Job,
        data: &'a RowData,
        destination: Option<Destination<'a>>,
        stop: &'a StopState,
        observer: &'a dyn BatchObserver,
    ) -> Self {
        Self { job, data, destination, stop, observer, interrupted: Arc::default() }
    }

    /// Prepares the input as audio that is read `passes` times.
    pub(crate) fn audio_input(&self, options: ReadOptions, passes: usize) -> Result<AudioInput, BatchError> {
        let path = &self.job.input;
        if let RowContent::Inner(blob) = &self.data.content {
            let blob = blob.clone();
            return Ok(AudioInput::from_seekable(move || blob.open(), path, options));
        }
        Ok(match self.open_pipe()? {
            Some(pipe) => AudioInput::from_stream(pipe, path, options, passes)?,
            None => AudioInput::new(path, options, passes)?,
        })
    }

    /// Opens the input as a token file.
    pub(crate) fn open_tokens(&self) -> Result<TokenReader<'static>, BatchError> {
        let path = &self.job.input;
        let in_file = |error| TokenError::InFile { path: path.clone(), source: Box::new(error) };
        if let RowContent::Inner(blob) = &self.data.content {
            return Ok(TokenReader::open(blob.open()).map_err(in_file)?);
        }
        Ok(match self.open_pipe()? {
            Some(pipe) => TokenReader::from_stream(pipe).map_err(in_file)?,
            None => TokenReader::open_path(path)?,
        })
    }

    /// Opens the input if it is a pipe.
    fn open_pipe(&self) -> Result<Option<PipeReader>, BatchError> {
        let path = &self.job.input;
        if !is_pipe_or_device(path) {
            return Ok(None);
        }
        let reader = PipeReader::open(path, self.stop.clone(), Arc::clone(&self.interrupted));
        reader.map(Some).map_err(|error| BatchError::read(path, error))
    }

    /// Fails if the input can be read only once.
    pub(crate) fn check_can_reread(&self) -> Result<(), BatchError> {
        let input = &self.job.input;
        if !is_pipe_or_device(input) {
            return Ok(());
        }
        let problem = "is a pipe, which cannot be compared with an existing result";
        Err(BatchError::Job(format!("{} {problem}; copy it to a file first", input.display())))
    }

    /// Fails if the input was not read to its end because the batch stops.
    pub(crate) fn check_not_interrupted(&self) -> Result<(), BatchError> {
        if self.interrupted.load(Ordering::Relaxed) { Err(BatchError::Cancelled) } else { Ok(()) }
    }

    /// Checks that the outputs can be written.
    pub(crate) fn check_outputs(&self) -> Result<(), BatchError> {
        let Some(Destination { dirs, .. }) = self.destination else { return Ok(()) };
        self.job.outputs.iter().try_for_each(|output| dirs.check(output))
    }

    /// Passes a warning about the input to the user.
    pub(crate) fn warn(&self, text: &str) {
        self.observer.message(&format!("warning: {}: {text}", self.job.input.display()));
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
        let dir = self.destination.ok_or_else(missing)?.staging.path();
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
