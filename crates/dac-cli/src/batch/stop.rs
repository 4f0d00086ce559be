//! Why a batch ends early: Ctrl-C and SIGTERM, or a disk that takes no more. The files in flight are dropped, what is done is
//! kept.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Error;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::{Exit, is_disk_full};
use crate::report::error_text;

/// What [`Stop`] holds before an end is wanted.
const GOES_ON: usize = 0;
/// What it holds when no file can be done any more. Codes of signals are larger.
const HALTED: usize = 1;

/// Whether an end is wanted; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// [`GOES_ON`], [`HALTED`], or the exit code of the signal that came.
    state: Arc<AtomicUsize>,
}

/// An error that every file to come would end in: the manifest takes no more records, the disk is full.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Halt(String);

impl Halt {
    /// With the text of an error that is of this kind.
    pub(super) fn of(error: &Error) -> Self {
        Self(error_text(error))
    }

    /// Whether an error is of this kind.
    pub(super) fn is(error: &Error) -> bool {
        error.is::<Self>() || is_disk_full(error)
    }
}

/// The error of work that was dropped because an end is wanted.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(crate) struct Stopped;

impl Stop {
    /// Listens for signals from now on. The first asks for an end, a second one ends the program at once.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn listen() -> io::Result<Self> {
        let stop = Self::default();
        let armed = Arc::new(AtomicBool::new(false));
        for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
            // In this order: the handler that arms comes last, so that the first signal does not end the program.
            flag::register_conditional_shutdown(signal, code, Arc::clone(&armed))?;
            flag::register(signal, Arc::clone(&armed))?;
            flag::register_usize(signal, Arc::clone(&stop.state), code as usize)?;
        }
        Ok(stop)
    }

    /// How the batch ends early, if it does.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.state.load(Ordering::Relaxed) {
            GOES_ON => None,
            HALTED => Some(Exit::Halted),
            code => Some(Exit::Stopped(u8::try_from(code).unwrap_or(u8::MAX))),
        }
    }

    /// Asks for an end, since no file can be done any more. Says whether it is the first to ask.
    pub(crate) fn halt(&self) -> bool {
        self.state.compare_exchange(GOES_ON, HALTED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Answers a progress report of the library: breaks once cancellation was requested.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.exit().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// An error once an end is asked for, to leave work by.
    ///
    /// # Errors
    /// [`Stopped`] then.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.exit().is_some() { Err(Stopped.into()) } else { Ok(()) }
    }
}
