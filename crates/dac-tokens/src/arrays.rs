//! Arrays of three axes somewhere in a file, whatever their element type and order.

use std::io::{Read, Seek};
use std::ops::Range;

use dac_pickle::{DType, read_strided};
use dac_rvq::{Array3, Codes};

use crate::error::TokenError;

/// The name of the middle axis, for messages.
pub(crate) const CODEBOOKS: &str = "codebooks";
pub(crate) const LATENT: &str = "latent";

/// Most channels, codebooks and latent values a frame: an array without frames has no bytes that would bound them.
pub(crate) const MAX_CHANNELS: usize = 1 << 12;
const MAX_MIDDLE: usize = 1 << 16;

/// An array of `[channels, codebooks or latent, frames]` within a file.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    pub(crate) dtype: DType,
    pub(crate) big_endian: bool,
    pub(crate) shape: [usize; 3],
    /// In elements.
    pub(crate) strides: [usize; 3],
    /// Where the first element lies, in bytes.
    pub(crate) start: u64,
}

impl Located {
    /// A row-major or column-major (`fortran`) array of three axes at `start`.
    pub(crate) fn new(dtype: DType, big_endian: bool, fortran: bool, shape: [usize; 3], start: u64) -> Self {
        let [c, k, t] = shape;
        let strides = if fortran { [1, c, c.saturating_mul(k)] } else { [k.saturating_mul(t), t, 1] };
        Self { dtype, big_endian, shape, strides, start }
    }

    pub(crate) fn codes<R: Read + Seek>(
        &self,
        reader: &mut R,
        frames: Range<usize>,
    ) -> Result<Codes, TokenError> {
        let (bytes, shape) = self.bytes(reader, frames)?;
        to_codes(self.dtype, &bytes, self.big_endian, shape)
    }

    pub(crate) fn floats<R: Read + Seek>(
        &self,
        reader: &mut R,
        frames: Range<usize>,
    ) -> Result<Array3, TokenError> {
        let (bytes, shape) = self.bytes(reader, frames)?;
        Ok(Array3::new(self.dtype.to_f32(&bytes, self.big_endian)?, shape)?)
    }

    fn bytes<R: Read + Seek>(
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

/// Start and length of a range within `available` frames.
pub(crate) fn clamp(frames: &Range<usize>, available: usize) -> (usize, usize) {
    let start = frames.start.min(available);
    (start, frames.end.min(available).saturating_sub(start))
}

/// Codes from the bytes of any integer type.
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

/// `[channels, middle, frames]` from a shape with or without channels, or with more leading axes of length 1.
pub(crate) fn three_axes(
    shape: &[usize],
    what: &'static str,
    axis: &'static str,
) -> Result<[usize; 3], TokenError> {
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
    possible.ok_or_else(|| TokenError::Axes { what, shape: shape.to_vec(), axis })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_axes_of_one_fall_away() {
        let axes = |shape: &[usize]| three_axes(shape, "codes", CODEBOOKS).ok();
        assert_eq!(axes(&[9, 25]), Some([1, 9, 25]));
        assert_eq!(axes(&[2, 9, 25]), Some([2, 9, 25]));
        assert_eq!(axes(&[1, 1, 9, 25]), Some([1, 9, 25]));
        assert_eq!(axes(&[1, 2, 9, 25]), Some([2, 9, 25]));
        assert_eq!(axes(&[2, 2, 9, 25]), None);
        assert_eq!(axes(&[25]), None);
        assert_eq!(axes(&[]), None);
        assert_eq!(axes(&[1 << 40, 9, 0]), None);
        assert_eq!(axes(&[1, 1 << 40, 0]), None);
    }
}
