//! Inputs that are read several times.

use std::fmt;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dac_atomic::{TemporaryCopy, is_pipe_or_device};

use super::byte_stream::InnerFile;
use super::options::ReadOptions;
use super::pipe_copy::copy_audio;
use super::reader::{AudioReader, open_file};
use crate::AudioError;

/// An audio file that can be read several times. A pipe, such as a FIFO, is copied to a temporary file first.
pub struct AudioInput {
    path: PathBuf,
    options: ReadOptions,
    source: Source,
}

enum Source {
    /// The path, which is opened for each pass.
    Path,
    /// A pipe that is read once; `None` once it is opened.
    Pipe(Mutex<Option<Box<dyn Read + Send>>>),
    /// A copied pipe.
    Copy(TemporaryCopy),
    /// A file inside another, which is opened for each pass.
    Inner(Box<dyn Fn() -> Box<dyn InnerFile> + Send + Sync>),
}

impl fmt::Debug for AudioInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioInput").field("path", &self.path).finish_non_exhaustive()
    }
}

impl AudioInput {
    /// Prepares an input that is read `passes` times. A pipe that is read once is not copied.
    ///
    /// # Errors
    /// [`AudioError::Open`] or [`AudioError::Read`].
    pub fn new(path: impl AsRef<Path>, options: ReadOptions, passes: usize) -> Result<Self, AudioError> {
        let path = path.as_ref();
        if passes > 1 && is_pipe_or_device(path) {
            return Self::from_stream(open_file(path)?.0, path, options, passes);
        }
        Ok(Self { path: path.to_owned(), options, source: Source::Path })
    }

    /// Prepares a pipe that is read `passes` times; errors call it `name`. A pipe that is read once is not
    /// copied, and can be opened only once.
    ///
    /// # Errors
    /// [`AudioError::Read`], or [`AudioError::NotAudio`] if the pipe is copied and is not audio.
    pub fn from_stream(
        stream: impl Read + Send + 'static,
        name: impl AsRef<Path>,
        options: ReadOptions,
        passes: usize,
    ) -> Result<Self, AudioError> {
        let path = name.as_ref().to_owned();
        let source = if passes > 1 {
            Source::Copy(copy_audio(stream, &path, options.backend)?)
        } else {
            Source::Pipe(Mutex::new(Some(Box::new(stream))))
        };
        Ok(Self { path, options, source })
    }

    /// Prepares a file inside another, such as a member of an archive; `open` opens it at its beginning, and
    /// errors call it `name`, whose extension helps to detect formats without a signature.
    pub fn from_seekable<R: Read + Seek + Send + Sync + 'static>(
        open: impl Fn() -> R + Send + Sync + 'static,
        name: impl AsRef<Path>,
        options: ReadOptions,
    ) -> Self {
        let source = Source::Inner(Box::new(move || Box::new(open())));
        Self { path: name.as_ref().to_owned(), options, source }
    }

    /// Opens the input at its beginning.
    ///
    /// # Errors
    /// As [`AudioReader::open_with`].
    pub fn open(&self) -> Result<AudioReader, AudioError> {
        match &self.source {
            Source::Copy(copy) => AudioReader::from_copy(copy.clone(), &self.path, self.options),
            Source::Pipe(pipe) => match pipe.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(pipe) => AudioReader::from_stream_with(pipe, &self.path, self.options),
                None => AudioReader::open_with(&self.path, self.options),
            },
            Source::Inner(open) => AudioReader::from_inner(open.as_ref(), &self.path, self.options),
            Source::Path => AudioReader::open_with(&self.path, self.options),
        }
    }
}
