//! The type that describes a token file format.

use std::io::{Read, Seek, Write};
use std::ops::Range;

use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::{Save, WriteOptions};
use crate::token_file::TokenFile;

/// A token file format. A new one is a module with a constant of this type, and a line of the table in
/// `formats.rs`.
pub(crate) struct TokenFormat {
    /// Name of the format, which is also the file name extension without the dot.
    pub(crate) name: &'static str,
    /// Returns whether a file that begins with these bytes has this format.
    pub(crate) matches: fn(&[u8]) -> bool,
    pub(crate) capacity: Capacity,
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

impl Capacity {
    pub(crate) fn fits(self, arrays: Save) -> bool {
        match self {
            Self::AnyArrays => arrays.codes || arrays.z || arrays.latents,
            Self::CodesOrZ => arrays.codes != arrays.z && !arrays.latents,
            Self::OnlyCodes => arrays == Save::default(),
        }
    }

    /// Description for messages.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::AnyArrays => "codes, z and latents",
            Self::CodesOrZ => "only codes or only z",
            Self::OnlyCodes => "only codes",
        }
    }
}

/// A source of bytes that can seek.
pub(crate) trait ReadSeek: Read + Seek + Send {}

impl<R: Read + Seek + Send> ReadSeek for R {}

/// An open file of unknown type, at its first byte.
pub(crate) type Input<'a> = Box<dyn ReadSeek + 'a>;

/// A file whose header was read.
pub(crate) struct Opened<'a> {
    pub(crate) shapes: Shapes,
    pub(crate) meta: TokenMeta,
    /// Whether only the beginning of the file is left.
    pub(crate) truncated: bool,
    pub(crate) frames: Box<dyn ReadFrames + 'a>,
}

/// Shapes of the arrays in a file, `[channels, codebooks or latent, frames]`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shapes {
    pub(crate) codes: Option<[usize; 3]>,
    pub(crate) z: Option<[usize; 3]>,
    pub(crate) latents: Option<[usize; 3]>,
}

/// The arrays of an open file.
pub(crate) trait ReadFrames: Send {
    /// Reads the frames of `range`, clamped to the available ones, of each array. Metadata is left empty.
    fn read_frames(&mut self, range: Range<usize>) -> Result<TokenFile, TokenError>;
}
