//! The layers on burn tensors `[batch, channels, positions]`, for any backend.

mod conv;
mod conv_transpose;
mod device;
mod reading;
mod residual_unit;
mod sequence;
mod snake;

pub use conv::Conv;
pub use conv_transpose::ConvTranspose;
pub use device::{device_name, open_device};
pub use reading::{Reading, TensorReadError, read, values};
pub use residual_unit::ResidualUnit;
pub use sequence::{Sequence, upload};
pub use snake::Snake;
