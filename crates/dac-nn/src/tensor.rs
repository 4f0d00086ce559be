//! The layers on burn tensors `[batch, positions, channels]`, for every burn backend.

mod arithmetic;
mod conv;
mod conv_transpose;
mod convolution;
mod device;
mod measure;
mod readback;
mod residual_unit;
mod sequence;
mod snake;

pub use arithmetic::{Arithmetic, Factor};
pub use conv::Conv;
pub use conv_transpose::ConvTranspose;
pub use convolution::Convolution;
pub use device::{device_name, open_device};
pub use measure::{Measurement, measure};
pub use readback::{Readback, TensorReadError, into_values, read};
pub use residual_unit::ResidualUnit;
pub use sequence::{Loader, Sequence, upload};
pub use snake::Snake;
