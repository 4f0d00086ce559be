//! Results of functions, and the text of the last error.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

use dac::Error;
use dac::codec::{CodecError, CodesError};
use dac_batch::{BatchError, catch_panic, error_text};

/// Version of this interface. It changes when a function changes or disappears.
pub const DAC_ABI_VERSION: u32 = 1;

/// Result of a function that can fail.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names are those of the header")]
pub enum Status {
    /// The function did its work.
    DAC_OK = 0,
    /// A file, the tokens, the weights or the device failed.
    DAC_ERROR = 1,
    /// An argument is invalid: NULL, not UTF-8, out of range, or not possible with this model or stream.
    DAC_INVALID_ARGUMENT = 2,
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// Does the work of a function. An error or a panic becomes the last error of the calling thread.
pub(crate) fn guard(work: impl FnOnce() -> Result<(), BatchError>) -> Status {
    match catch_panic(work) {
        Ok(()) => Status::DAC_OK,
        Err(error) => {
            LAST_ERROR.with(|last| *last.borrow_mut() = text(&error));
            status_of(&error)
        }
    }
}

/// Text of an error for C.
pub(crate) fn text(error: &BatchError) -> CString {
    let text = error_text(error).replace('\0', "\\0");
    CString::new(text).unwrap_or_default()
}

pub(crate) fn status_of(error: &BatchError) -> Status {
    match error {
        BatchError::Usage(_) | BatchError::Codec(Error::InvalidOption { .. }) => Status::DAC_INVALID_ARGUMENT,
        BatchError::Codec(Error::Codec(
            CodecError::Device(_)
            | CodecError::Precision { .. }
            | CodecError::Input { .. }
            | CodecError::NotInGroup { .. }
            | CodecError::SignalEnded { .. }
            | CodecError::Codes(CodesError::CodebookCount { .. }),
        )) => Status::DAC_INVALID_ARGUMENT,
        _ => Status::DAC_ERROR,
    }
}

/// Error of an argument.
pub(crate) fn invalid(text: impl Into<String>) -> BatchError {
    BatchError::Usage(text.into())
}

/// Returns DAC_ABI_VERSION of the library.
#[unsafe(no_mangle)]
pub extern "C" fn dac_abi_version() -> u32 {
    DAC_ABI_VERSION
}

/// Returns the library's version, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn dac_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// Returns the text of the last error of the calling thread, which is valid until the next error of this
/// thread; an empty text before the first one.
#[unsafe(no_mangle)]
pub extern "C" fn dac_last_error() -> *const c_char {
    LAST_ERROR.with(|last| last.borrow().as_ptr())
}
