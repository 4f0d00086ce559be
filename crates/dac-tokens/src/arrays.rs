//! Arrays of three axes stored in a file with any element type and order.

use std::io::Write;
use std::ops::Range;

use dac_pickle::numpy::ArrayError;
use dac_pickle::{DType, read_strided};
use dac_rvq::{Array3, Codes};

use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Input, Opened};

/// Largest number of channels: an array without frames has no bytes that would bound it.
pub(crate) const MAX_CHANNELS: usize = 1 << 12;
/// Largest number of codebooks, and of latent values per frame.
const MAX_MIDDLE: usize = 1 << 16;

/// Bytes that [`write_elements`] collects before it writes them.
const BUFFER_BYTES: usize = 1 << 16;

/// An array `[channels, codebooks or latent, frames]` in a file of type `F`.
pub(crate) trait StoredArray<F> {
    fn shape(&self) -> [usize; 3];

    /// Reads `length` frames from `start` on.
    fn read(&self, file: &mut F, start: usize, length: usize) -> Result<Elements, TokenError>;
}

/// Elements of an array in row-major order.
pub(crate) struct Elements {
    pub(crate) dtype: DType,
    pub(crate) big_endian: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Elements {
    /// Converts integers of any type to codes.
    fn to_codes(&self, shape: [usize; 3]) -> Result<Codes, TokenError> {
        if self.dtype == DType::U16 && !self.big_endian {
            let (pairs, _) = self.bytes.as_chunks::<2>();
            return Ok(Codes::new(pairs.iter().map(|&pair| u16::from_le_bytes(pair)).collect(), shape)?);
        }
        let values = self.dtype.to_i64(&self.bytes, self.big_endian).map_err(ArrayError::from)?;
        Ok(Codes::from_i64(&values, shape)?)
    }

    fn to_floats(&self, shape: [usize; 3]) -> Result<Array3, TokenError> {
        let values = self.dtype.to_f32(&self.bytes, self.big_endian).map_err(ArrayError::from)?;
        Ok(Array3::new(values, shape)?)
    }
}

impl<A> Arrays<A> {
    pub(crate) fn is_empty(&self) -> bool {
        self.codes.is_none() && self.z.is_none() && self.latents.is_none()
    }

    /// Combines the arrays with the file that contains them.
    pub(crate) fn open<'a, F>(self, mut file: F, meta: TokenMeta) -> Opened<'a>
    where
        A: StoredArray<F> + Send + 'a,
        F: Send + 'a,
    {
        let Self { codes, z, latents } = self;
        let shape = |array: &Option<A>| array.as_ref().map(A::shape);
        let shapes = Arrays { codes: shape(&codes), z: shape(&z), latents: shape(&latents) };
        let mut read = move |array: &A, range: &Range<usize>| {
            let [channels, middle, available] = array.shape();
            let start = range.start.min(available);
            let length = range.end.min(available).saturating_sub(start);
            Ok::<_, TokenError>((array.read(&mut file, start, length)?, [channels, middle, length]))
        };
        let read_frames = Box::new(move |range: Range<usize>| {
            let mut tokens = TokenFile::default();
            if let Some(array) = &codes {
                let (elements, shape) = read(array, &range)?;
                tokens.codes = Some(elements.to_codes(shape)?);
            }
            for (array, target) in [(&z, &mut tokens.z), (&latents, &mut tokens.latents)] {
                if let Some(array) = array {
                    let (elements, shape) = read(array, &range)?;
                    *target = Some(elements.to_floats(shape)?);
                }
            }
            Ok(tokens)
        });
        Opened { shapes, meta, truncated: false, read_frames }
    }
}

/// Location and layout of an array that is one block of bytes in a file.
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
}

impl StoredArray<Input<'_>> for ArrayLocation {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn read(&self, file: &mut Input<'_>, start: usize, length: usize) -> Result<Elements, TokenError> {
        let [channels, middle, _] = self.shape;
        let size = self.dtype.size();
        let skip = (start as u64).saturating_mul(self.strides[2] as u64).saturating_mul(size as u64);
        let position = self.start.saturating_add(skip);
        let bytes = read_strided(file, position, size, &[channels, middle, length], &self.strides)?;
        Ok(Elements { dtype: self.dtype, big_endian: self.big_endian, bytes })
    }
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
