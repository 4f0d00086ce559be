//! How the program ends.

use std::fmt;
use std::process::ExitCode;

/// How a command ended that could be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done.
    Done,
    /// Some file failed; the others are done.
    SomeFailed,
    /// A signal ended it; what is done is kept. The code is the signal's.
    Stopped(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::SomeFailed => Self::from(1),
            Exit::Stopped(code) => Self::from(code),
        }
    }
}

/// The exit code of a command that cannot be run as it is given.
pub(crate) const USAGE: u8 = 2;

/// A command that cannot be run as it is given.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
