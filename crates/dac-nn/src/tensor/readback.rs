//! Copies of tensors from the device to the host.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::{Element, ExecutionError, Tensor, TensorData, Transaction, read_sync};
use thiserror::Error;

/// A tensor could not be copied to the host.
#[derive(Debug, Error)]
#[non_exhaustive]
#[error("the device failed while a result was read back: {reason}")]
pub struct TensorReadError {
    /// Error message of the backend.
    pub reason: String,
}

impl TensorReadError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self { reason: error.to_string() }
    }
}

/// Tensors being copied to the host.
///
/// [`Readback::start`] submits all pending work and the copies to the device without waiting. Work submitted
/// later runs after the copies, so the device stays busy while the host uses the values.
pub struct Readback(Option<ReadFuture>);

type ReadFuture = Pin<Box<dyn Future<Output = Result<Vec<TensorData>, ExecutionError>> + Send>>;

impl Readback {
    /// Starts copying all tensors of `transaction`.
    pub fn start(transaction: Transaction) -> Self {
        let mut future: ReadFuture = Box::pin(transaction.execute_async());
        // The first poll runs up to the first wait; by then the copies are submitted.
        if let Poll::Ready(data) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            future = Box::pin(std::future::ready(data));
        }
        Self(Some(future))
    }

    /// Waits for the values; they are in the order of the transaction.
    ///
    /// # Errors
    /// When the device fails.
    pub fn wait(mut self) -> Result<Vec<TensorData>, TensorReadError> {
        self.0.take().map_or_else(|| Ok(Vec::new()), read_sync).map_err(TensorReadError::new)
    }
}

impl Drop for Readback {
    /// Waits for an unused copy: on wgpu, burn would reuse the copy's memory while it is still being written.
    fn drop(&mut self) {
        drop(self.0.take().map(read_sync));
    }
}

/// Converts the values to `E`, row-major.
///
/// # Errors
/// When the element type cannot be converted.
pub fn into_values<E: Element>(data: TensorData) -> Result<Vec<E>, TensorReadError> {
    let data = data.try_cast_as::<E>().map_err(TensorReadError::new)?;
    data.try_into_vec().map_err(TensorReadError::new)
}

/// Copies a tensor's f32 values to the host, row-major, and waits for them.
///
/// # Errors
/// When the device fails.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, TensorReadError> {
    let data = Readback::start(Transaction::default().register(tensor)).wait()?;
    data.into_iter().next().map_or_else(|| Ok(Vec::new()), into_values)
}
