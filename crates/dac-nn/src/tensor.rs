//! The layers on burn tensors `[batch, channels, positions]`, for every burn backend.

mod conv;
mod conv_transpose;
mod device;
mod readback;
mod residual_unit;
mod sequence;
mod snake;

pub use conv::Conv;
pub use conv_transpose::ConvTranspose;
pub use device::{device_name, open_device};
pub use readback::{Readback, TensorReadError, into_values, read};
pub use residual_unit::ResidualUnit;
pub use sequence::{Loader, Sequence, upload};
pub use snake::Snake;
