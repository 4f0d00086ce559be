//! How the program ends.

use std::fmt;
use std::io;
use std::process::ExitCode;

use anyhow::Error;

use crate::plan::PlanError;
use crate::report::{error_text, say};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done.
    Done,
    /// Some file failed; the others are done.
    SomeFailed,
    /// It cannot be run as it is given.
    Misused,
    /// It could not begin, or not go on, whatever its files are; what is done is kept.
    Halted,
    /// A signal ended it; what is done is kept. The code is the signal's.
    Stopped(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::SomeFailed => Self::from(1),
            Exit::Misused => Self::from(2),
            Exit::Halted => Self::from(3),
            Exit::Stopped(code) => Self::from(code),
        }
    }
}

impl Exit {
    /// How a command ends by an error that is no file's. The error is said.
    pub(crate) fn by(error: &Error) -> Self {
        let exit = Self::of(error);
        if exit != Self::Done {
            say(format_args!("error: {}", error_text(error)));
        }
        exit
    }

    /// How a command with one input ends by an error of the work on that. The error is said.
    ///
    /// # Errors
    /// What is not the input's: the command's own, a reader of standard output that went away, a full disk.
    pub(crate) fn by_input(error: Error) -> Result<Self, Error> {
        if Self::of(&error) != Self::Halted || is_disk_full(&error) {
            return Err(error);
        }
        say(format_args!("error: {}", error_text(&error)));
        Ok(Self::SomeFailed)
    }

    fn of(error: &Error) -> Self {
        if caused_by(error, &[io::ErrorKind::BrokenPipe]) {
            // Whoever reads the output has seen enough of it.
            Self::Done
        } else if error.is::<Usage>() || error.is::<PlanError>() {
            Self::Misused
        } else {
            Self::Halted
        }
    }
}

/// Whether a disk that is full, or the user's share of it, is what an error comes of.
pub(crate) fn is_disk_full(error: &Error) -> bool {
    caused_by(error, &[io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded])
}

fn caused_by(error: &Error, kinds: &[io::ErrorKind]) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| kinds.contains(&cause.kind()))
}

/// A command that cannot be run as it is given.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use anyhow::{Context, anyhow};
    use dac::audio::AudioError;
    use dac::tokens::TokenError;
    use dac_dataset::PackError;

    use super::*;

    #[test]
    fn a_full_disk_is_seen_through_every_library() {
        let (full, path) = (|| io::Error::from(io::ErrorKind::StorageFull), PathBuf::from("a"));
        let tokens = TokenError::InFile { path: path.clone(), source: Box::new(TokenError::Io(full())) };
        let audio = AudioError::Write { path: path.clone(), source: full() };
        let pack = PackError::Shard { path, keys: Vec::new(), source: full() };
        for error in [
            full().into(),
            Error::from(full()).context("a.wav: cannot be written"),
            tokens.into(),
            dac::Error::from(TokenError::Io(full())).into(),
            dac::Error::from(audio).into(),
            pack.into(),
        ] {
            assert!(is_disk_full(&error), "{error:?}");
            assert_eq!(Exit::of(&error), Exit::Halted);
        }
        assert!(!is_disk_full(&anyhow!("no space left on device")));
        assert!(!is_disk_full(&io::Error::from(io::ErrorKind::FileTooLarge).into()));
    }

    #[test]
    fn one_input_that_failed_is_not_what_the_command_is_to_blame_for() {
        let end = |error: Error| Exit::by_input(error).map_err(|error| Exit::of(&error));
        assert_eq!(end(anyhow!("no audio")), Ok(Exit::SomeFailed));
        assert_eq!(end(Usage("no such option".to_owned()).into()), Err(Exit::Misused));
        assert_eq!(end(io::Error::from(io::ErrorKind::BrokenPipe).into()), Err(Exit::Done));
        assert_eq!(end(io::Error::from(io::ErrorKind::StorageFull).into()), Err(Exit::Halted));
        let told = Err::<(), _>(io::Error::from(io::ErrorKind::QuotaExceeded)).context("page.html");
        assert_eq!(end(told.unwrap_err()), Err(Exit::Halted));
    }
}
