//! Reader and writer of the pickles in checkpoints, .pt and .dac files. The reader executes nothing.
//!
//! [`read_pickle`] accepts a small subset of pickle opcodes (protocols 2 to 5) and returns a [`Value`]: plain
//! data, [`numpy`] arrays, references to [`torch`] tensors. A pickle may name only the globals of a fixed
//! list. Calls of them are never executed; each is recognised by name and converted to data. Declared sizes
//! are checked against [`Limits`] and against the bytes that exist before memory is allocated.

#![forbid(unsafe_code)]

mod dtype;
mod error;
mod globals;
mod limits;
pub mod numpy;
mod resolve;
pub mod safetensors;
mod strided;
pub mod torch;
mod value;
mod vm;
mod writer;
mod zip;

pub use dtype::{DType, DTypeError};
pub use error::PickleError;
pub use globals::Dialect;
pub use limits::Limits;
pub use strided::read_strided;
pub use value::Value;
pub use writer::PickleWriter;
pub use zip::ZipError;

/// Reads the pickle at the start of `bytes` and returns its value and its length in bytes.
///
/// # Errors
/// When the bytes are not a pickle of protocol 2 to 5, are truncated, contain an opcode or a global outside
/// the accepted subset, or exceed a limit. Nothing in the bytes is executed, and memory stays proportional to
/// their number.
pub fn read_pickle(bytes: &[u8], dialect: Dialect, limits: &Limits) -> Result<(Value, usize), PickleError> {
    let heap = vm::run(bytes, dialect, limits)?;
    let consumed = heap.consumed;
    Ok((resolve::resolve(&heap, limits)?, consumed))
}
