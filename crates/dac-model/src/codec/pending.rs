//! Results that a device is still computing.

use super::error::CodecError;

/// A result that a device is computing.
///
/// A GPU starts at once, and the caller can prepare or submit other work before it waits. Other devices have
/// finished when they return this.
#[must_use = "the result is discarded unless `wait` is called"]
pub struct Pending<T>(Box<dyn FnOnce() -> Result<T, CodecError> + Send>);

impl<T: Send + 'static> Pending<T> {
    /// Wraps a finished result.
    pub(super) fn ready(value: T) -> Self {
        Self(Box::new(move || Ok(value)))
    }

    /// Wraps a result that `wait` waits for.
    #[cfg(feature = "burn")]
    pub(super) fn deferred(wait: impl FnOnce() -> Result<T, CodecError> + Send + 'static) -> Self {
        Self(Box::new(wait))
    }

    /// Adds a check of the result.
    #[cfg(feature = "burn")]
    pub(super) fn checked(self, check: impl FnOnce(&T) -> Result<(), CodecError> + Send + 'static) -> Self {
        self.then(|value| check(&value).map(|()| value))
    }

    /// Adds a step that makes another result of this one.
    #[cfg(feature = "burn")]
    pub(super) fn then<U: Send + 'static>(
        self,
        step: impl FnOnce(T) -> Result<U, CodecError> + Send + 'static,
    ) -> Pending<U> {
        Pending::deferred(move || step(self.wait()?))
    }
}

impl<T> Pending<T> {
    /// Waits for the result.
    ///
    /// # Errors
    /// When the device fails or the result is not finite.
    pub fn wait(self) -> Result<T, CodecError> {
        (self.0)()
    }
}
