//! Inputs that are read several times.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::options::ReadOptions;
use super::reader::{AudioReader, open_file};
use super::spool::Spool;
use crate::AudioError;

/// An audio file that can be read several times. A pipe, such as a FIFO, is copied to a temporary file first.
pub struct AudioInput {
    path: PathBuf,
    options: ReadOptions,
    spool: Option<Spool>,
    /// Pipe that is read once; `None` once it is opened.
    pipe: Mutex<Option<Box<dyn Read + Send>>>,
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
        let path = path.as_ref().to_owned();
        let mut spool = None;
        if passes > 1 && path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let (mut file, _) = open_file(&path)?;
            spool = Some(Spool::copy(&mut file).map_err(|error| AudioError::read(&path, error))?);
        }
        Ok(Self { path, options, spool, pipe: Mutex::default() })
    }

    /// Prepares a pipe that is read `passes` times; errors call it `name`. A pipe that is read once is not
    /// copied, and can be opened only once.
    ///
    /// # Errors
    /// [`AudioError::Read`].
    pub fn from_stream(
        mut stream: impl Read + Send + 'static,
        name: impl AsRef<Path>,
        options: ReadOptions,
        passes: usize,
    ) -> Result<Self, AudioError> {
        let path = name.as_ref().to_owned();
        if passes <= 1 {
            return Ok(Self { path, options, spool: None, pipe: Mutex::new(Some(Box::new(stream))) });
        }
        let spool = Spool::copy(&mut stream).map_err(|error| AudioError::read(&path, error))?;
        Ok(Self { path, options, spool: Some(spool), pipe: Mutex::default() })
    }

    /// Opens the input at its beginning.
    ///
    /// # Errors
    /// As [`AudioReader::open_with`].
    pub fn open(&self) -> Result<AudioReader, AudioError> {
        if let Some(pipe) = self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return AudioReader::from_stream_with(pipe, &self.path, self.options);
        }
        match &self.spool {
            Some(spool) => AudioReader::from_spool(spool.clone(), &self.path, self.options),
            None => AudioReader::open_with(&self.path, self.options),
        }
    }
}
