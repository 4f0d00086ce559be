//! The type that describes a token file format.

use std::io::{Read, Seek, Write};
use std::ops::Range;

use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::{IntegerType, WriteOptions};
use crate::token_file::TokenFile;

/// A token file format. A new one is a module with a constant of this type, and a variant of `Format`.
pub(crate) struct TokenFormat {
    /// Name of the format, which is also the file name extension without the dot.
    pub(crate) name: &'static str,
    /// Returns whether a file that begins with these bytes has this format.
    pub(crate) matches: fn(&[u8]) -> bool,
    pub(crate) capacity: Capacity,
    /// Element types that codes can have; the first is the default. Empty if codes are packed.
    pub(crate) integers: &'static [IntegerType],
    /// Whether the format stores the windows of tokens from windowed mode.
    pub(crate) stores_windows: bool,
    /// Reads the header.
    pub(crate) open: for<'a> fn(Input<'a>) -> Result<Opened<'a>, TokenError>,
    /// Writes arrays that fit the capacity.
    pub(crate) write: fn(&mut dyn Write, &TokenFile, &WriteOptions) -> Result<(), TokenError>,
}

/// Arrays that a file can store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capacity {
    AnyArrays,
    CodesOrZ,
    OnlyCodes,
}

/// A source of bytes that can seek.
pub(crate) trait ReadSeek: Read + Seek + Send {}

impl<R: Read + Seek + Send> ReadSeek for R {}

/// An open file of unknown type, at its first byte.
pub(crate) type Input<'a> = Box<dyn ReadSeek + 'a>;

/// A file whose header was read.
pub(crate) struct Opened<'a> {
    /// Shapes of the arrays, `[channels, codebooks or latent, frames]`.
    pub(crate) shapes: Arrays<[usize; 3]>,
    /// Element type of the codes, if it is one that can be written.
    pub(crate) integer: Option<IntegerType>,
    pub(crate) meta: TokenMeta,
    /// Whether only the beginning of the file is left.
    pub(crate) truncated: bool,
    /// Number of bytes after the end of the tokens.
    pub(crate) ignored_bytes: u64,
    pub(crate) read_frames: ReadFrames<'a>,
}

/// Reads the frames of a range, clamped to the available ones, of each array. Metadata is left empty.
pub(crate) type ReadFrames<'a> = Box<dyn FnMut(Range<usize>) -> Result<TokenFile, TokenError> + Send + 'a>;

/// Facts about the arrays that a file contains.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arrays<T> {
    pub(crate) codes: Option<T>,
    pub(crate) z: Option<T>,
    pub(crate) latents: Option<T>,
}
