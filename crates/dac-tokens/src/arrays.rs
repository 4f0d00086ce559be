//! Arrays of three axes stored in a file with any element type and order.

use std::io::{Read, Seek, Write};
use std::ops::Range;

use dac_pickle::{DType, read_strided};
use dac_rvq::{Array3, Codes};

use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::token_file::TokenFile;
use crate::token_format::{Input, Opened, ReadFrames, Shapes};

/// Largest number of channels: an array without frames has no bytes that would bound it.
pub(crate) const MAX_CHANNELS: usize = 1 << 12;
/// Largest number of codebooks, and of latent values per frame.
const MAX_MIDDLE: usize = 1 << 16;

/// Bytes that [`write_elements`] collects before it writes them.
const BUFFER_BYTES: usize = 1 << 16;

/// Location and layout of an array `[channels, codebooks or latent, frames]` in a file.
#[derive(Debug, Clone)]
pub(crate) struct ArrayLocation {
    pub(crate) dtype: DType,
    pub(crate) big_endian: bool,
    pub(crate) shape: [usize; 3],
    /// In elements.
    pub(crate) strides: [usize; 3],
    /// Position of the first element, in bytes.
    pub(crate) start: u64,
}

impl ArrayLocation {
    /// Describes a row-major, little-endian array.
    pub(crate) fn row_major(dtype: DType, shape: [usize; 3], start: u64) -> Self {
        let [_, middle, frames] = shape;
        let strides = [middle.saturating_mul(frames), frames, 1];
        Self { dtype, big_endian: false, shape, strides, start }
    }

    /// Changes the order of the elements to column-major.
    pub(crate) fn into_column_major(mut self) -> Self {
        let [channels, middle, _] = self.shape;
        self.strides = [1, channels, channels.saturating_mul(middle)];
        self
    }

    fn read_codes<R: Read + Seek>(&self, reader: &mut R, frames: Range<usize>) -> Result<Codes, TokenError> {
        let (bytes, shape) = self.read_bytes(reader, frames)?;
        to_codes(self.dtype, &bytes, self.big_endian, shape)
    }

    fn read_floats<R: Read + Seek>(
        &self,
        reader: &mut R,
        frames: Range<usize>,
    ) -> Result<Array3, TokenError> {
        let (bytes, shape) = self.read_bytes(reader, frames)?;
        Ok(Array3::new(self.dtype.to_f32(&bytes, self.big_endian)?, shape)?)
    }

    fn read_bytes<R: Read + Seek>(
        &self,
        reader: &mut R,
        frames: Range<usize>,
    ) -> Result<(Vec<u8>, [usize; 3]), TokenError> {
        let [channels, middle, available] = self.shape;
        let (start, length) = clamp(&frames, available);
        let shape = [channels, middle, length];
        let size = self.dtype.size();
        let skip = (start as u64).saturating_mul(self.strides[2] as u64).saturating_mul(size as u64);
        let bytes = read_strided(reader, self.start.saturating_add(skip), size, &shape, &self.strides)?;
        Ok((bytes, shape))
    }
}

/// The arrays of a file that stores each as one block of bytes.
#[derive(Debug, Default)]
pub(crate) struct ArrayLocations {
    pub(crate) codes: Option<ArrayLocation>,
    pub(crate) z: Option<ArrayLocation>,
    pub(crate) latents: Option<ArrayLocation>,
}

impl ArrayLocations {
    /// Combines the arrays with the file that contains them.
    pub(crate) fn open(self, reader: Input<'_>, meta: TokenMeta) -> Opened<'_> {
        let shape = |array: &Option<ArrayLocation>| array.as_ref().map(|array| array.shape);
        let shapes = Shapes { codes: shape(&self.codes), z: shape(&self.z), latents: shape(&self.latents) };
        let frames = Box::new(LocatedArrays { reader, arrays: self });
        Opened { shapes, meta, truncated: false, frames }
    }
}

struct LocatedArrays<'a> {
    reader: Input<'a>,
    arrays: ArrayLocations,
}

impl ReadFrames for LocatedArrays<'_> {
    fn read_frames(&mut self, range: Range<usize>) -> Result<TokenFile, TokenError> {
        let Self { reader, arrays: ArrayLocations { codes, z, latents } } = self;
        let codes = codes.as_ref().map(|array| array.read_codes(reader, range.clone())).transpose()?;
        let mut floats = |array: &Option<ArrayLocation>| {
            array.as_ref().map(|array| array.read_floats(reader, range.clone())).transpose()
        };
        let (z, latents) = (floats(z)?, floats(latents)?);
        Ok(TokenFile { codes, z, latents, ..TokenFile::default() })
    }
}

/// Start and length of a range, clamped to `available` frames.
pub(crate) fn clamp(frames: &Range<usize>, available: usize) -> (usize, usize) {
    let start = frames.start.min(available);
    (start, frames.end.min(available).saturating_sub(start))
}

/// Converts the bytes of any integer type to codes.
pub(crate) fn to_codes(
    dtype: DType,
    bytes: &[u8],
    big_endian: bool,
    shape: [usize; 3],
) -> Result<Codes, TokenError> {
    if dtype == DType::U16 && !big_endian {
        let (pairs, _) = bytes.as_chunks::<2>();
        return Ok(Codes::new(pairs.iter().map(|&pair| u16::from_le_bytes(pair)).collect(), shape)?);
    }
    Ok(Codes::from_i64(&dtype.to_i64(bytes, big_endian)?, shape)?)
}

/// Converts a shape to `[channels, middle, frames]`. The channels may be missing, and more leading axes may
/// be 1.
pub(crate) fn three_axes(shape: &[usize], array: &'static str) -> Result<[usize; 3], TokenError> {
    let mut axes = shape;
    while let [1, rest @ ..] = axes {
        if rest.len() < 3 {
            break;
        }
        axes = rest;
    }
    let three = match *axes {
        [middle, frames] => Some([1, middle, frames]),
        [channels, middle, frames] => Some([channels, middle, frames]),
        _ => None,
    };
    let possible = three.filter(|&[channels, middle, _]| channels <= MAX_CHANNELS && middle <= MAX_MIDDLE);
    let axis = if array == "codes" { "codebooks" } else { "latent" };
    possible.ok_or_else(|| TokenError::Axes { array, shape: shape.to_vec(), axis })
}

/// Writes elements through a buffer of a fixed size.
pub(crate) fn write_elements<W: Write + ?Sized, const N: usize>(
    writer: &mut W,
    elements: impl Iterator<Item = [u8; N]>,
) -> Result<(), TokenError> {
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    for element in elements {
        buffer.extend(element);
        if buffer.len() >= BUFFER_BYTES {
            writer.write_all(&buffer)?;
            buffer.clear();
        }
    }
    Ok(writer.write_all(&buffer)?)
}
