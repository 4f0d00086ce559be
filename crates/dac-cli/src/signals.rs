//! Signals: Ctrl-C and SIGTERM cancel a batch, an abort gives the exit code of a fatal error.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dac_batch::CancelToken;
use signal_hook::consts::{SIGABRT, SIGINT, SIGTERM};
use signal_hook::flag;

/// Signals with the exit codes that report them.
const EXIT_CODES: [(i32, i32); 2] = [(SIGINT, 130), (SIGTERM, 143)];

/// Exit code of a fatal error, such as memory that is used up.
const FATAL_ERROR: i32 = 3;

/// Makes an abort, such as that of a failed allocation, exit with the code of a fatal error, and writing
/// beyond the limit on the size of files (`ulimit -f`) an error.
pub(crate) fn report_limits() {
    // Without these handlers the process is killed by the signals.
    let _ = flag::register_conditional_shutdown(SIGABRT, FATAL_ERROR, Arc::new(AtomicBool::new(true)));
    #[cfg(unix)]
    let _ = flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// Cancellation of a batch by a signal.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    pub(crate) token: CancelToken,
    /// Exit code of the signal that arrived; 0 before.
    exit_code: Arc<AtomicUsize>,
}

impl Signals {
    /// Starts listening. The first signal cancels the batch, a second one ends the program at once.
    pub(crate) fn listen(&self) -> io::Result<()> {
        let arrived = Arc::new(AtomicBool::new(false));
        for (signal, code) in EXIT_CODES {
            // Handlers run in this order, so the first signal does not end the program.
            flag::register_conditional_shutdown(signal, code, Arc::clone(&arrived))?;
            flag::register(signal, Arc::clone(&arrived))?;
            flag::register_usize(signal, Arc::clone(&self.exit_code), code as usize)?;
            flag::register(signal, self.token.flag())?;
        }
        Ok(())
    }

    pub(crate) fn exit_code(&self) -> u8 {
        u8::try_from(self.exit_code.load(Ordering::Relaxed)).unwrap_or(u8::MAX)
    }
}
