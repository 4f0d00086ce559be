//! Runs work that may panic or hang.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use dac_batch::panic_text;

/// Time limit per device; a GPU compiles its kernels on first use.
pub(super) const DEVICE_LIMIT: Duration = Duration::from_secs(300);
/// Time limit per file: hashing takes seconds on a local disk, longer on a network file system.
pub(super) const FILE_LIMIT: Duration = Duration::from_secs(600);

/// Runs `work` in a thread named `name` and waits at most `limit`. A thread that hangs is abandoned.
pub(super) fn run_with_timeout<T: Send + 'static>(
    name: &str,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        // The receiver is gone once the time is over.
        let _ = sender.send(work());
    });
    let thread = thread.map_err(|error| format!("cannot start a thread: {error}"))?;
    match receiver.recv_timeout(limit) {
        Ok(value) => Ok(value),
        Err(RecvTimeoutError::Timeout) => Err(format!("no result within {} s", limit.as_secs_f64())),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(()) => Err("ended without a result".to_owned()),
            Err(payload) => {
                Err(format!("panicked: {}", panic_text(payload.as_ref()).unwrap_or("no message")))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn results_panics_and_timeouts_are_returned() {
        assert_eq!(run_with_timeout("result", LONG, || 7), Ok(7));
        let device = 3;
        let panicked =
            run_with_timeout("formatted", LONG, move || assert!(device < 3, "no adapter {device}"));
        assert_eq!(panicked.unwrap_err(), "panicked: no adapter 3");
        let panicked = run_with_timeout("literal", LONG, move || {
            if device == 3 {
                panic!("driver lost")
            }
        });
        assert_eq!(panicked.unwrap_err(), "panicked: driver lost");
        let hanging = run_with_timeout("hanging", Duration::from_millis(20), || thread::sleep(LONG));
        assert_eq!(hanging.unwrap_err(), "no result within 0.02 s");
    }
}
