//! From the device to the host.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::{Element, ExecutionError, Tensor, TensorData, Transaction, read_sync};
use thiserror::Error;

/// A tensor that could not be brought back to the host.
#[derive(Debug, Error)]
#[non_exhaustive]
#[error("the device failed while its result was read: {reason}")]
pub struct TensorReadError {
    /// What the backend says.
    pub reason: String,
}

impl TensorReadError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self { reason: error.to_string() }
    }
}

/// Tensors on their way to the host.
///
/// [`Reading::start`] hands the device all work that is still to be done for them, and the copies behind it, and does not wait. What
/// the device is given afterwards runs behind these copies, so that it works on while the host takes the values.
pub struct Reading(Option<State>);

type Coming = Pin<Box<dyn Future<Output = Result<Vec<TensorData>, ExecutionError>> + Send>>;

enum State {
    Coming(Coming),
    Here(Result<Vec<TensorData>, ExecutionError>),
}

impl Reading {
    /// Starts the reading of all tensors of `transaction`.
    pub fn start(transaction: Transaction) -> Self {
        let mut coming: Coming = Box::pin(transaction.execute_async());
        // The first poll runs up to the first thing to wait for: by then the copies are with the device.
        let state = match coming.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(data) => State::Here(data),
            Poll::Pending => State::Coming(coming),
        };
        Self(Some(state))
    }

    /// Waits for the values, in the order in which the transaction lists them.
    ///
    /// # Errors
    /// When the device fails.
    pub fn wait(mut self) -> Result<Vec<TensorData>, TensorReadError> {
        match self.0.take() {
            Some(State::Coming(coming)) => read_sync(coming),
            Some(State::Here(data)) => data,
            None => Ok(Vec::new()),
        }
        .map_err(TensorReadError::new)
    }
}

impl Drop for Reading {
    /// A copy that nobody wants is waited for: on wgpu, burn takes the memory it goes to for free at once.
    fn drop(&mut self) {
        if let Some(State::Coming(coming)) = self.0.take() {
            drop(read_sync(coming));
        }
    }
}

/// The values as numbers of type `E`, row-major.
///
/// # Errors
/// When they are of a type that does not convert.
pub fn values<E: Element>(data: TensorData) -> Result<Vec<E>, TensorReadError> {
    let data = data.try_cast_as::<E>().map_err(TensorReadError::new)?;
    data.try_into_vec().map_err(TensorReadError::new)
}

/// Brings a tensor's f32 values back, row-major, and waits for them.
///
/// # Errors
/// When the device fails.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, TensorReadError> {
    let data = Reading::start(Transaction::default().register(tensor)).wait()?;
    data.into_iter().next().map_or_else(|| Ok(Vec::new()), values)
}
