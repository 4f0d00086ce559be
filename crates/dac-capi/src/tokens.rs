//! Codes with their metadata, in memory and in token files.

use std::ffi::c_char;
use std::path::Path;
use std::ptr;

use dac::tokens::{Format, TokenMeta, UnknownFormat, WriteOptions};
use dac::{Codes, TokenFile};
use dac_batch::BatchError;

use crate::pointers::{array, create, free, optional_text, reference, text};
use crate::status::{Status, guard, invalid};

/// Codes [channels][codebooks][frames] and their metadata.
pub struct Tokens {
    /// Contains codes.
    file: TokenFile,
}

impl Tokens {
    pub(crate) fn new(file: TokenFile) -> Result<Self, BatchError> {
        match file.codes {
            Some(_) => Ok(Self { file }),
            None => Err(invalid("the tokens contain no codes, but z or latents")),
        }
    }

    /// Codes without metadata.
    pub(crate) fn of_codes(codes: Codes) -> Self {
        Self { file: TokenFile::of_codes(codes, TokenMeta::default()) }
    }

    pub(crate) fn file(&self) -> &TokenFile {
        &self.file
    }

    fn shape(&self) -> [usize; 3] {
        self.file.codes.as_ref().map_or([0; 3], Codes::shape)
    }

    fn codes(&self) -> &[u16] {
        self.file.codes.as_ref().map_or(&[], Codes::as_slice)
    }
}

/// Converts codes of 16 bits.
///
/// # Safety
/// As [`array`].
pub(crate) unsafe fn codes_of_u16(codes: *const u16, shape: [usize; 3]) -> Result<Codes, BatchError> {
    // SAFETY: as for this function.
    let codes = unsafe { array("codes", codes, &shape) }?;
    Codes::new(codes.to_vec(), shape).map_err(invalid_codes)
}

/// Converts codes of 32 bits.
///
/// # Safety
/// As [`array`].
pub(crate) unsafe fn codes_of_u32(codes: *const u32, shape: [usize; 3]) -> Result<Codes, BatchError> {
    // SAFETY: as for this function.
    let codes = unsafe { array("codes", codes, &shape) }?;
    let codes: Vec<i64> = codes.iter().map(|code| i64::from(*code)).collect();
    Codes::from_i64(&codes, shape).map_err(invalid_codes)
}

fn invalid_codes(error: dac::codec::CodesError) -> BatchError {
    invalid(error.to_string())
}

/// Makes tokens from codes [channels][codebooks][frames], which are copied; they have no metadata.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_from_u16(
    codes: *const u16,
    channels: usize,
    codebooks: usize,
    frames: usize,
    out: *mut *mut Tokens,
) -> Status {
    // SAFETY: the header requires an array of this shape and a valid output parameter.
    unsafe { create(out, || Ok(Tokens::of_codes(codes_of_u16(codes, [channels, codebooks, frames])?))) }
}

/// Does what dac_tokens_from_u16 does, for codes of 32 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_from_u32(
    codes: *const u32,
    channels: usize,
    codebooks: usize,
    frames: usize,
    out: *mut *mut Tokens,
) -> Status {
    // SAFETY: the header requires an array of this shape and a valid output parameter.
    unsafe { create(out, || Ok(Tokens::of_codes(codes_of_u32(codes, [channels, codebooks, frames])?))) }
}

/// Reads a token file, whose format is detected from its content.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_load(path: *const c_char, out: *mut *mut Tokens) -> Status {
    // SAFETY: the header requires a valid text and a valid output parameter.
    unsafe { create(out, || Tokens::new(TokenFile::read(Path::new(text("path", path)?))?)) }
}

/// Writes a token file, which appears whole or not at all. `format` is its name without a dot, such as "npy";
/// NULL takes the extension of `path`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_save(
    tokens: *const Tokens,
    path: *const c_char,
    format: *const c_char,
) -> Status {
    guard(|| {
        // SAFETY: the header requires a handle of this type and valid texts.
        let (tokens, path, format) = unsafe {
            (reference("tokens", tokens)?, Path::new(text("path", path)?), optional_text("format", format)?)
        };
        let extension = path.extension().and_then(|extension| extension.to_str());
        let name = format.or(extension).unwrap_or_default();
        let format: Format = name.parse().map_err(|error: UnknownFormat| invalid(error.to_string()))?;
        Ok(tokens.file.write(path, format, &WriteOptions::default())?)
    })
}

/// Releases tokens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_free(tokens: *mut Tokens) {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { free(tokens) }
}

/// Returns the number of channels; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_channels(tokens: *const Tokens) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { tokens.as_ref() }.map_or(0, |tokens| tokens.shape()[0])
}

/// Returns the number of codebooks; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_codebooks(tokens: *const Tokens) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { tokens.as_ref() }.map_or(0, |tokens| tokens.shape()[1])
}

/// Returns the number of frames, which can be 0 for tokens from a stream; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_frames(tokens: *const Tokens) -> usize {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { tokens.as_ref() }.map_or(0, |tokens| tokens.shape()[2])
}

/// Returns the codes [channels][codebooks][frames]; NULL if the tokens have no codes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_codes(tokens: *const Tokens) -> *const u16 {
    // SAFETY: the header requires NULL or a handle of this type.
    let codes = unsafe { tokens.as_ref() }.map_or(&[][..], Tokens::codes);
    if codes.is_empty() { ptr::null() } else { codes.as_ptr() }
}

/// Copies the codes [channels][codebooks][frames] to `out`, an array of `length` values of 32 bits. `length`
/// must be channels * codebooks * frames.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_tokens_copy_u32(tokens: *const Tokens, out: *mut u32, length: usize) -> Status {
    guard(|| {
        // SAFETY: the header requires a handle of this type.
        let codes = unsafe { reference("tokens", tokens) }?.codes();
        if codes.len() != length {
            return Err(invalid(format!("length is {length}, expected {}", codes.len())));
        }
        if length > 0 && (out.is_null() || !out.is_aligned()) {
            return Err(invalid("the output array is NULL or not aligned"));
        }
        for (at, code) in codes.iter().enumerate() {
            // SAFETY: the header requires an output array of `length` values, and `at` is below `length`.
            unsafe { out.add(at).write(u32::from(*code)) };
        }
        Ok(())
    })
}
