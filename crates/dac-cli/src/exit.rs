//! Exit codes, and the errors that decide them.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Error;
use dac_batch::{BatchError, has_io_cause, is_disk_full, is_thread_limit};

use crate::output::{eprint_line, error_of_file, error_text};
use crate::resources;

/// End of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done,
    /// Some files failed; the others are done.
    SomeFailed,
    /// The command line contradicts itself or the files that exist; nothing was done.
    UsageError,
    /// The work could not start or continue; finished files are kept.
    FatalError,
    /// A signal with this exit code interrupted the work; finished files are kept.
    Signal(u8),
}

impl Exit {
    /// Exit code of the process.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::SomeFailed => 1,
            Self::UsageError => 2,
            Self::FatalError => 3,
            Self::Signal(code) => code,
        }
    }

    /// Prints an error of a command and returns its exit.
    pub(crate) fn from_error(error: &Error) -> Self {
        let exit = Self::of(error);
        if exit != Self::Done {
            let mut text = error_text(error);
            if is_thread_limit(error.as_ref()) {
                let limits = resources::limits().unwrap_or_else(|| "none found".to_owned());
                text += &format!("; limits: {limits}; use fewer --threads or raise the limit");
            }
            eprint_line(format_args!("error: {text}"));
        }
        exit
    }

    /// Prints an error of a command's only input and returns its exit.
    pub(crate) fn by_input(input: &Path, error: Error) -> Result<Self, Error> {
        if Self::of(&error) != Self::FatalError || is_disk_full(error.as_ref()) {
            return Err(error);
        }
        eprint_line(format_args!("error: {}", error_of_file(input, &error)));
        Ok(Self::SomeFailed)
    }

    fn of(error: &Error) -> Self {
        if has_io_cause(error.as_ref(), &[ErrorKind::BrokenPipe]) {
            // The reader of standard output needs no more.
            Self::Done
        } else if error.is::<Usage>() || error.downcast_ref::<BatchError>().is_some_and(BatchError::is_usage)
        {
            Self::UsageError
        } else {
            Self::FatalError
        }
    }
}

/// Usage error: the command cannot be run as given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn only_errors_of_the_input_make_it_fail_alone() {
        let exit = |error: Error| Exit::by_input(Path::new("-"), error).map_err(|error| Exit::of(&error));
        assert_eq!(exit(anyhow!("no audio")), Ok(Exit::SomeFailed));
        assert_eq!(exit(Usage("no such option".to_owned()).into()), Err(Exit::UsageError));
        assert_eq!(exit(BatchError::Usage("no inputs".to_owned()).into()), Err(Exit::UsageError));
        assert_eq!(exit(io::Error::from(ErrorKind::BrokenPipe).into()), Err(Exit::Done));
        assert_eq!(exit(io::Error::from(ErrorKind::StorageFull).into()), Err(Exit::FatalError));
        let wrapped = Err::<(), _>(io::Error::from(ErrorKind::QuotaExceeded)).context("page.html");
        assert_eq!(exit(wrapped.unwrap_err()), Err(Exit::FatalError));
    }
}
