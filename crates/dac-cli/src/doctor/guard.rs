//! Work that may panic or hang without harm to the program.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use dac_batch::panic_text;

/// Runs `work` in a thread of that name and waits for it so long at most; a thread that hangs is left behind.
///
/// # Errors
/// What a panic said, or that the time is over.
pub(super) fn guarded<T: Send + 'static>(
    name: &str,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Nobody listens any more once the time is over.
        let _ = sender.send(work());
    });
    let thread = thread.map_err(|error| format!("no thread could be started: {error}"))?;
    match receiver.recv_timeout(limit) {
        Ok(value) => Ok(value),
        Err(RecvTimeoutError::Timeout) => Err(format!("no answer within {} s", limit.as_secs_f64())),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(()) => Err("it ended without an answer".to_owned()),
            Err(payload) => {
                Err(format!("it panicked: {}", panic_text(payload.as_ref()).unwrap_or("without a message")))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn answers_panics_and_silence_all_come_back() {
        assert_eq!(guarded("answer", LONG, || 7), Ok(7));
        let device = 3;
        let panicked = guarded("formatted", LONG, move || assert!(device < 3, "no adapter {device}"));
        assert_eq!(panicked.unwrap_err(), "it panicked: no adapter 3");
        let panicked = guarded("literal", LONG, move || {
            if device == 3 {
                panic!("driver lost")
            }
        });
        assert_eq!(panicked.unwrap_err(), "it panicked: driver lost");
        let silent = guarded("silent", Duration::from_millis(20), || thread::sleep(LONG));
        assert_eq!(silent.unwrap_err(), "no answer within 0.02 s");
    }
}
