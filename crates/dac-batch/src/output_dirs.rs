//! Tries whether the directories of outputs can be written: before the work, and after a failure.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::BatchError;

/// Directories that a batch writes to.
#[derive(Debug)]
pub(crate) struct OutputDirs {
    /// Output directory and staging directory: without them, every job fails.
    shared: [PathBuf; 2],
    /// Directories that could be written.
    tried: Mutex<HashSet<PathBuf>>,
}

impl OutputDirs {
    pub(crate) fn new(output_dir: &Path, staging_dir: &Path) -> Self {
        Self { shared: [output_dir, staging_dir].map(Path::to_owned), tried: Mutex::default() }
    }

    /// Checks that every job can write its outputs.
    ///
    /// # Errors
    /// A fatal error that names the directory.
    pub(crate) fn check_shared(&self) -> Result<(), BatchError> {
        for dir in &self.shared {
            try_dir(dir).map_err(|error| {
                BatchError::Fatal(format!("cannot write in the directory {}: {error}", dir.display()))
            })?;
        }
        Ok(())
    }

    /// Checks that an output can be written, once per directory. Missing directories are not created.
    ///
    /// # Errors
    /// When the nearest existing directory above it cannot be written.
    pub(crate) fn check(&self, output: &Path) -> Result<(), BatchError> {
        let Some(dir) = output.ancestors().skip(1).find(|dir| dir.exists()) else { return Ok(()) };
        let tried = || self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if tried().contains(dir) {
            return Ok(());
        }
        try_dir(dir).map_err(|error| BatchError::write(dir, error))?;
        tried().insert(dir.to_owned());
        Ok(())
    }
}

/// Creates a file without a name, which leaves nothing.
fn try_dir(dir: &Path) -> io::Result<()> {
    tempfile::tempfile_in(dir).map(drop)
}
