//! Errors of batches.

use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use dac_dataset::PackError;
use thiserror::Error;

/// Error of a batch or of one of its jobs.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The request contradicts itself or the files that exist. Nothing was done.
    #[error("{0}")]
    Usage(String),
    /// A directory without manifests of partitions has nothing to merge.
    #[error(
        "nothing to merge: the directory '{}' contains no manifest of a partition \
         (.dac-manifest.I-of-N.jsonl)",
        dir.display()
    )]
    NoPartitions {
        /// The directory.
        dir: PathBuf,
    },
    /// Loading, encoding, decoding, or an audio or token file failed.
    #[error("{0}")]
    Codec(#[source] dac::Error),
    /// A shard of a pack could not be written, or cannot contain the tokens.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A file or directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file or directory cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// An existing file is not known to be an output of this batch.
    #[error("refusing to replace {}: {reason}; use --overwrite", path.display())]
    Exists {
        /// The existing file.
        path: PathBuf,
        /// Why it is not replaced.
        reason: String,
    },
    /// One job failed for another reason.
    #[error("{0}")]
    Job(String),
    /// An error that every later job would have as well, such as a manifest that cannot be written.
    #[error("{0}")]
    Fatal(String),
    /// The system refuses to start threads, because of a limit on processes or memory.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// Number of threads.
        threads: usize,
        /// The system's error.
        reason: String,
    },
    /// The input is too short or too long for the settings.
    #[error("dropped: {0}")]
    Dropped(String),
    /// The job was abandoned because the batch was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl BatchError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn exists(path: &Path, reason: impl Into<String>) -> Self {
        Self::Exists { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn threads(threads: usize, reason: &dyn std::fmt::Display) -> Self {
        Self::Threads { threads, reason: reason.to_string() }
    }

    /// Error of one job that only a defect in this crate can cause.
    pub(crate) fn internal(text: &str) -> Self {
        Self::Job(format!("internal error: {text}"))
    }

    /// Reports whether the request was wrong and nothing was done.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_))
    }

    /// Reports whether every later job would fail as well.
    pub(crate) fn is_fatal(&self) -> bool {
        let is_fatal = matches!(self, Self::Fatal(_) | Self::Pack(PackError::Shard { .. }));
        is_fatal || is_thread_limit(self) || is_disk_full(self)
    }
}

impl From<dac::Error> for BatchError {
    fn from(error: dac::Error) -> Self {
        match error {
            dac::Error::Cancelled => Self::Cancelled,
            dac::Error::Thread { source } => Self::threads(1, &source),
            error => Self::Codec(error),
        }
    }
}

impl From<dac::tokens::TokenError> for BatchError {
    fn from(error: dac::tokens::TokenError) -> Self {
        Self::Codec(error.into())
    }
}

impl From<dac::audio::AudioError> for BatchError {
    fn from(error: dac::audio::AudioError) -> Self {
        Self::Codec(error.into())
    }
}

/// Text of an error followed by those causes that it does not already contain.
pub fn error_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in with_causes(error).skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn with_causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Error text with the name of the file in front, unless the text contains it.
pub fn error_text_of_file(file: &str, text: &str) -> String {
    let is_named = text.starts_with(file) || text.contains(&format!(" {file}"));
    if is_named { text.to_owned() } else { format!("{file}: {text}") }
}

/// Does work whose panic, which only a defect can cause, becomes an error.
///
/// # Errors
/// The error of the work, or [`BatchError::Job`] after a panic.
pub fn catch_panic<T>(work: impl FnOnce() -> Result<T, BatchError>) -> Result<T, BatchError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(BatchError::internal(panic_text(panic.as_ref()).unwrap_or("unknown panic")))
    })
}

/// Message of a panic, if it has one.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> Option<&str> {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

/// Reports whether an error was caused by a full disk or an exhausted quota.
pub fn is_disk_full(error: &(dyn Error + 'static)) -> bool {
    has_io_cause(error, &[io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded])
}

/// Reports whether an error was caused by a limit on threads.
pub fn is_thread_limit(error: &(dyn Error + 'static)) -> bool {
    with_causes(error).any(|cause| {
        matches!(cause.downcast_ref(), Some(BatchError::Threads { .. }))
            || cause.downcast_ref::<dac::Error>().is_some_and(dac::Error::is_thread_limit)
    })
}

/// Reports whether an error or one of its causes is an I/O error of one of these kinds.
pub fn has_io_cause(error: &(dyn Error + 'static), kinds: &[io::ErrorKind]) -> bool {
    io_causes(error).any(|error| kinds.contains(&error.kind()))
}

/// Reports whether an error or one of its causes is an I/O error.
pub(crate) fn has_any_io_cause(error: &(dyn Error + 'static)) -> bool {
    io_causes(error).next().is_some()
}

fn io_causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a io::Error> {
    // An I/O error that contains another one does not name it as its cause.
    let unwrap = |error: &&'a io::Error| error.get_ref()?.downcast_ref::<io::Error>();
    with_causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .flat_map(move |error| std::iter::successors(Some(error), unwrap))
}
