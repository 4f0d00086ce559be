//! numpy arrays in pickles and .npy files.

use crate::dtype::{DType, Naming};
pub use crate::value::array::{ArrayError, Layout, NdArray};

/// Parses numpy's name of an element type: `<u2`, `>f4`, `|b1`, `=i8`, or the same without the first
/// character. Returns the type and whether it is big-endian, which only `>` means.
///
/// # Errors
/// When the type is not a plain number of at most 64 bits.
pub fn parse_descr(descr: &str) -> Result<(DType, bool), ArrayError> {
    let (big_endian, name) = match descr.chars().next() {
        Some('>') => (true, &descr[1..]),
        Some('<' | '|' | '=') => (false, &descr[1..]),
        _ => (false, descr),
    };
    let dtype = DType::find(Naming::Numpy, name);
    let dtype = dtype.ok_or_else(|| ArrayError::DType { descr: descr.chars().take(40).collect() })?;
    Ok((dtype, big_endian))
}
