//! Conversions of pointers from C. A pointer is NULL, which is checked, or valid as the header requires.

use std::ffi::{CStr, c_char};
use std::ptr;

use dac_batch::BatchError;

use crate::status::{Status, guard, invalid};

fn null(name: &str) -> BatchError {
    invalid(format!("{name} is NULL"))
}

/// # Safety
/// `pointer` is NULL, or valid for reads for `'a`.
pub(crate) unsafe fn reference<'a, T>(name: &str, pointer: *const T) -> Result<&'a T, BatchError> {
    // SAFETY: as for this function.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// # Safety
/// `pointer` is NULL, or valid for reads and writes for `'a`, and nothing else accesses it meanwhile.
pub(crate) unsafe fn exclusive<'a, T>(name: &str, pointer: *mut T) -> Result<&'a mut T, BatchError> {
    // SAFETY: as for this function.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// # Safety
/// `pointer` is valid for reads of the product of `shape` values for `'a`; it may be NULL if that is 0.
pub(crate) unsafe fn array<'a, T>(
    name: &str,
    pointer: *const T,
    shape: &[usize],
) -> Result<&'a [T], BatchError> {
    let len = shape.iter().try_fold(1_usize, |len, n| len.checked_mul(*n));
    let len = len.filter(|len| *len <= isize::MAX as usize / size_of::<T>().max(1));
    let len = len.ok_or_else(|| invalid(format!("{name} of shape {shape:?} is larger than the memory")))?;
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if !pointer.is_aligned() {
        return Err(invalid(format!("{name} is not aligned")));
    }
    // SAFETY: the pointer is not NULL and aligned, its size was checked, and it is valid for these reads.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// # Safety
/// `pointer` is NULL, or points to a text that ends with a NUL and is valid for `'a`.
pub(crate) unsafe fn optional_text<'a>(
    name: &str,
    pointer: *const c_char,
) -> Result<Option<&'a str>, BatchError> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the pointer is not NULL and points to a text that ends with a NUL.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| invalid(format!("{name} is not UTF-8")))
}

/// # Safety
/// As [`optional_text`].
pub(crate) unsafe fn text<'a>(name: &str, pointer: *const c_char) -> Result<&'a str, BatchError> {
    // SAFETY: as for this function.
    unsafe { optional_text(name, pointer) }?.ok_or_else(|| null(name))
}

/// Stores a new handle in `out`; NULL after an error.
///
/// # Safety
/// `out` is NULL, or valid for writes.
pub(crate) unsafe fn create<T>(out: *mut *mut T, make: impl FnOnce() -> Result<T, BatchError>) -> Status {
    guard(|| {
        // SAFETY: as for this function.
        let out = unsafe { exclusive("the output parameter", out) }?;
        *out = ptr::null_mut();
        *out = Box::into_raw(Box::new(make()?));
        Ok(())
    })
}

/// # Safety
/// `handle` is NULL, or from [`create`], and not used afterwards.
pub(crate) unsafe fn free<T>(handle: *mut T) {
    if !handle.is_null() {
        // A panic while dropping must not reach C either.
        guard(|| {
            // SAFETY: the handle is from `Box::into_raw` and is released only here.
            drop(unsafe { Box::from_raw(handle) });
            Ok(())
        });
    }
}
