//! Stopping a batch early: on request, or after an error that no later job would survive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::BatchError;

/// Asks a batch to stop; clones share the request. Jobs in progress are abandoned, finished ones are kept.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    cancelled: Arc<AtomicBool>,
}

impl CancelToken {
    /// Asks for the end.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// The flag itself, which a signal handler may set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// Reports whether the end was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Reason why a batch stopped early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The [`CancelToken`] was used.
    Cancelled,
    /// An error that every later job would have had as well, such as a full disk.
    FatalError,
}

/// Stop state of a running batch; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct StopState {
    token: CancelToken,
    fatal_error: Arc<AtomicBool>,
}

impl StopState {
    pub(crate) fn new(token: &CancelToken) -> Self {
        Self { token: token.clone(), fatal_error: Arc::default() }
    }

    /// Reason to stop, if there is one.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        if self.fatal_error.load(Ordering::Relaxed) {
            Some(StopReason::FatalError)
        } else {
            self.token.is_cancelled().then_some(StopReason::Cancelled)
        }
    }

    /// Stops the batch after a fatal error. Returns whether this is the first reason to stop.
    pub(crate) fn stop_after_fatal_error(&self) -> bool {
        self.reason().is_none() && !self.fatal_error.swap(true, Ordering::Relaxed)
    }

    /// Fails once the batch has to stop.
    pub(crate) fn check(&self) -> Result<(), BatchError> {
        if self.reason().is_some() { Err(BatchError::Cancelled) } else { Ok(()) }
    }
}
