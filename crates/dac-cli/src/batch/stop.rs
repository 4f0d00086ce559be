//! Ctrl-C and SIGTERM: the files in flight are dropped, what is done is kept.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Error;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether the user wants an end; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// The exit code of the signal that came; 0 before.
    code: Arc<AtomicUsize>,
}

/// The error of work that was dropped because of a [`Stop`].
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
            flag::register_usize(signal, Arc::clone(&stop.code), code as usize)?;
        }
        Ok(stop)
    }

    /// The exit code of the signal that came.
    pub(crate) fn code(&self) -> Option<u8> {
        u8::try_from(self.code.load(Ordering::Relaxed)).ok().filter(|code| *code != 0)
    }

    /// An error once an end is asked for, to leave work by.
    ///
    /// # Errors
    /// [`Stopped`] then.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.code().is_some() { Err(Stopped.into()) } else { Ok(()) }
    }
}
