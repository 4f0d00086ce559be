//! A closed, bounded reader of the pickles in checkpoints, .pt and .dac files; executes nothing.
//!
//! [`read_pickle`] runs a small subset of the pickle machine (protocols 2 to 5) over bytes and gives a [`Value`]: plain
//! data, [`numpy`] arrays, references to [`torch`] tensors. Globals come from a fixed list; a call is never made, it is
//! recognised by name and turned into data. Everything a file declares is checked against [`Limits`] and against the
//! bytes that are really there before memory is taken.

mod dtype;
mod error;
mod globals;
mod limits;
mod machine;
pub mod numpy;
mod resolve;
pub mod safetensors;
mod strided;
pub mod torch;
mod value;
mod zip;

pub use dtype::{DType, DTypeError};
pub use error::PickleError;
pub use globals::Dialect;
pub use limits::Limits;
pub use strided::read_strided;
pub use value::Value;
pub use zip::ZipError;

/// Reads the one pickle at the start of `bytes`; gives the value and how many bytes it took.
///
/// # Errors
/// When the bytes are not a pickle of protocol 2 to 5, are cut, hold an opcode or a global outside the closed subset,
/// or go past a limit. Nothing in the bytes is executed, and memory stays proportional to their number.
pub fn read_pickle(bytes: &[u8], dialect: Dialect, limits: &Limits) -> Result<(Value, usize), PickleError> {
    let heap = machine::run(bytes, dialect, limits)?;
    let consumed = heap.consumed;
    Ok((resolve::resolve(&heap, limits)?, consumed))
}
