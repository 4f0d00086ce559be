//! Results that a device is still at work on.

use super::CodecError;

/// What a device has been given to do, and gives when it is waited for.
///
/// A GPU begins at once and the caller goes on: what it prepares meanwhile, or gives the device next, costs no time. Other devices
/// have done the work by the time there is one of these.
#[must_use = "what nobody waits for is lost"]
pub struct Pending<T>(Box<dyn FnOnce() -> Result<T, CodecError> + Send>);

impl<T: Send + 'static> Pending<T> {
    /// What is there already.
    pub(super) fn ready(value: T) -> Self {
        Self(Box::new(move || Ok(value)))
    }

    /// What `wait` waits for.
    #[cfg(feature = "burn")]
    pub(super) fn coming(wait: impl FnOnce() -> Result<T, CodecError> + Send + 'static) -> Self {
        Self(Box::new(wait))
    }

    /// The same, looked through once it is there.
    pub(super) fn checked(self, check: impl FnOnce(&T) -> Result<(), CodecError> + Send + 'static) -> Self {
        Self(Box::new(move || {
            let value = self.wait()?;
            check(&value)?;
            Ok(value)
        }))
    }
}

impl<T> Pending<T> {
    /// Waits until it is there.
    ///
    /// # Errors
    /// When the device fails, or its result is not finite.
    pub fn wait(self) -> Result<T, CodecError> {
        (self.0)()
    }
}

impl<T> std::fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}
