//! Inputs that are read several times.

use std::path::{Path, PathBuf};

use super::options::ReadOptions;
use super::reader::{AudioReader, open_file};
use super::spool::Spool;
use crate::AudioError;

/// An audio file that can be read several times. A pipe, such as a FIFO, is copied to a temporary file first.
#[derive(Debug)]
pub struct AudioInput {
    path: PathBuf,
    options: ReadOptions,
    spool: Option<Spool>,
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
        Ok(Self { path, options, spool })
    }

    /// Opens the input at its beginning.
    ///
    /// # Errors
    /// As [`AudioReader::open_with`].
    pub fn open(&self) -> Result<AudioReader, AudioError> {
        match &self.spool {
            Some(spool) => AudioReader::from_spool(spool.clone(), &self.path, self.options),
            None => AudioReader::open_with(&self.path, self.options),
        }
    }
}
