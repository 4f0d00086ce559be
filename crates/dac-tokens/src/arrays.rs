//! Arrays of three axes stored in a file with any element type and order.

use std::io::Write;
use std::ops::Range;

use dac_pickle::numpy::ArrayError;
use dac_pickle::{DType, read_strided};
use dac_rvq::{Array3, Codes};

use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::IntegerType;
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Input, Opened};

/// Name of the array of codes.
pub(crate) const CODES: &str = "codes";

/// Largest number of channels: an array without frames has no bytes that would bound it.
pub(crate) const MAX_CHANNELS: usize = 1 << 12;
/// Largest number of codebooks, and of latent values per frame.
const MAX_MIDDLE: usize = 1 << 16;

/// Bytes that [`write_elements`] collects before it writes them.
const BUFFER_BYTES: usize = 1 << 16;

/// An array `[channels, codebooks or latent, frames]` in a file of type `F`.
pub(crate) trait StoredArray<F> {
    fn shape(&self) -> [usize; 3];

    fn dtype(&self) -> DType;

    /// Reads the frames from `start` on that give an array of this `shape`.
    fn read(&self, file: &mut F, start: usize, shape: [usize; 3]) -> Result<Elements, TokenError>;
}

/// Elements of an array in row-major order.
pub(crate) struct Elements {
    pub(crate) dtype: DType,
    pub(crate) big_endian: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) shape: [usize; 3],
}

impl Elements {
    /// Converts integers of any type to codes.
    fn to_codes(&self) -> Result<Codes, TokenError> {
        if self.dtype == DType::U16 && !self.big_endian {
            let (pairs, _) = self.bytes.as_chunks::<2>();
            return Ok(Codes::new(pairs.iter().map(|&pair| u16::from_le_bytes(pair)).collect(), self.shape)?);
        }
        let values = self.dtype.to_i64(&self.bytes, self.big_endian).map_err(ArrayError::from)?;
        Ok(Codes::from_i64(&values, self.shape)?)
    }

    fn to_floats(&self) -> Result<Array3, TokenError> {
        let values = self.dtype.to_f32(&self.bytes, self.big_endian).map_err(ArrayError::from)?;
        Ok(Array3::new(values, self.shape)?)
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
        let integer = codes.as_ref().and_then(|array| IntegerType::of(array.dtype()));
        let read_frames = Box::new(move |range: Range<usize>| {
            let mut read = |array: &A| {
                let [channels, middle, available] = array.shape();
                let start = range.start.min(available);
                let length = range.end.min(available).saturating_sub(start);
                array.read(&mut file, start, [channels, middle, length])
            };
            let codes = codes.as_ref().map(|array| read(array)?.to_codes()).transpose()?;
            let mut floats =
                |array: &Option<A>| array.as_ref().map(|array| read(array)?.to_floats()).transpose();
            Ok(TokenFile { codes, z: floats(&z)?, latents: floats(&latents)?, ..TokenFile::default() })
        });
        Opened { shapes, integer, meta, truncated: false, ignored_bytes: 0, read_frames }
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

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn read(&self, file: &mut Input<'_>, start: usize, shape: [usize; 3]) -> Result<Elements, TokenError> {
        let size = self.dtype.size();
        let skip = (start as u64).saturating_mul(self.strides[2] as u64).saturating_mul(size as u64);
        let position = self.start.saturating_add(skip);
        let bytes = read_strided(file, position, size, &shape, &self.strides)?;
        Ok(Elements { dtype: self.dtype, big_endian: self.big_endian, bytes, shape })
    }
}

/// Converts a shape to `[channels, middle, frames]`. The channels may be missing, and more leading axes may
/// be 1.
pub(crate) fn three_axes(shape: &[usize], array: &'static str) -> Result<[usize; 3], TokenError> {
    let mut axes = shape;
    while let [1, rest @ ..] = axes
        && rest.len() >= 3
    {
        axes = rest;
    }
    let three = match *axes {
        [middle, frames] => Some([1, middle, frames]),
        [channels, middle, frames] => Some([channels, middle, frames]),
        _ => None,
    };
    let possible = three.filter(|&[channels, middle, _]| channels <= MAX_CHANNELS && middle <= MAX_MIDDLE);
    let axis = if array == CODES { "codebooks" } else { "latent" };
    possible.ok_or_else(|| TokenError::Axes {
        array,
        shape: shape.to_vec(),
        axis,
        hint: shape_hint(array, shape),
    })
}

/// Checks that codes are integers, and that z and latents are floats. Booleans are neither.
pub(crate) fn check_type(dtype: DType, array: &'static str) -> Result<(), TokenError> {
    let is_valid = if array == CODES { dtype.is_integer() } else { dtype.is_float() };
    if is_valid {
        return Ok(());
    }
    Err(TokenError::ElementType { array, found: dtype, expected: expected_type(array, dtype) })
}

/// Explains a shape that is not possible.
fn shape_hint(array: &str, shape: &[usize]) -> &'static str {
    match *shape {
        _ if array != CODES => "; arrays of floats are read as z, arrays of integers as codes",
        [_] => "; reshape it to the codebooks and frames that it was made of",
        [_, _, _, _, ..] => "; save each item of a batch by itself",
        [.., middle, last] if middle > MAX_MIDDLE && last < middle => {
            "; it looks transposed: exchange its last two axes"
        }
        _ => "",
    }
}

/// Describes the expected type of elements.
fn expected_type(array: &str, found: DType) -> &'static str {
    match (array == CODES, found.is_float()) {
        (true, true) => "integers; floats are read as z, an array [channels, latent_dim, frames]",
        (true, false) => "integers; booleans, such as those of a padding mask, are not codes",
        (false, _) => "floats; integers are read as codes, an array [channels, codebooks, frames]",
    }
}

/// Writes codes as integers of this type.
pub(crate) fn write_codes<W: Write + ?Sized>(
    writer: &mut W,
    codes: &Codes,
    integer: IntegerType,
) -> Result<(), TokenError> {
    let values = codes.as_slice().iter();
    match integer {
        IntegerType::U16 => write_elements(writer, values.map(|v| v.to_le_bytes())),
        IntegerType::I32 => write_elements(writer, values.map(|&v| i32::from(v).to_le_bytes())),
        IntegerType::I64 => write_elements(writer, values.map(|&v| i64::from(v).to_le_bytes())),
    }
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
