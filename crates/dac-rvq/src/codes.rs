//! Codes: one codebook index per channel, codebook and frame.

use std::ops::Range;

use thiserror::Error;

use crate::array::{ShapeError, check_shape, stack};

/// Invalid codes or an invalid request on codes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodesError {
    /// The number of values does not match the shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A code is not an index of its codebook.
    #[error(
        "codebook {codebook} of channel {channel} contains {found} at frame {frame}; codes must be \
non-negative and below {size}"
    )]
    OutOfRange {
        /// Channel of the code, from 0.
        channel: usize,
        /// Codebook of the code, from 0.
        codebook: usize,
        /// Frame of the code, from 0.
        frame: usize,
        /// Value found.
        found: i64,
        /// Entries of the codebook.
        size: usize,
    },
    /// The requested number of codebooks is 0 or more than available.
    #[error("{requested} codebooks requested, expected 1 to {available}")]
    CodebookCount {
        /// Requested number.
        requested: usize,
        /// Available number.
        available: usize,
    },
    /// Parts to join differ in channels or codebooks.
    #[error("cannot join codes of [channels, codebooks] = {found:?} to codes of {expected:?}")]
    Mismatch {
        /// Channels and codebooks of the first part.
        expected: [usize; 2],
        /// Channels and codebooks of the differing part.
        found: [usize; 2],
    },
}

/// Codes of shape `[channels, codebooks, frames]`, row-major. Channels are coded independently, as batch
/// items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    data: Vec<u16>,
    shape: [usize; 3],
}

impl Codes {
    /// Wraps `data` of shape `[channels, codebooks, frames]`.
    ///
    /// # Errors
    /// When the product of `shape` is not the length of `data`.
    pub fn new(data: Vec<u16>, shape: [usize; 3]) -> Result<Self, CodesError> {
        check_shape(shape, data.len())?;
        Ok(Self { data, shape })
    }

    /// Converts 64-bit codes.
    ///
    /// # Errors
    /// When the shape does not match, or a value is not in 0 to 65535.
    pub fn from_i64(data: &[i64], shape: [usize; 3]) -> Result<Self, CodesError> {
        check_shape(shape, data.len())?;
        let narrowed = data.iter().map(|&v| u16::try_from(v)).collect::<Result<Vec<_>, _>>();
        match narrowed {
            Ok(data) => Ok(Self { data, shape }),
            Err(_) => {
                let at = data.iter().position(|&v| u16::try_from(v).is_err()).unwrap_or(0);
                Err(out_of_range(shape, at, data[at], 1 << 16))
            }
        }
    }

    /// Transposes rows `[frames][codebooks]` to one channel `[1, codebooks, frames]`.
    ///
    /// # Errors
    /// When the length of `rows` is not a multiple of `codebooks`.
    pub fn from_rows(rows: &[u16], codebooks: usize) -> Result<Self, CodesError> {
        let frames = rows.len().checked_div(codebooks).unwrap_or(0);
        check_shape([1, codebooks, frames], rows.len())?;
        let mut data = vec![0; rows.len()];
        for (t, row) in rows.chunks_exact(codebooks.max(1)).enumerate() {
            for (k, &code) in row.iter().enumerate() {
                data[k * frames + t] = code;
            }
        }
        Ok(Self { data, shape: [1, codebooks, frames] })
    }

    /// Transposes one channel's codes to rows `[frames][codebooks]`.
    ///
    /// # Panics
    /// When `channel` is out of range.
    pub fn to_rows(&self, channel: usize) -> Vec<u16> {
        let [_, codebooks, frames] = self.shape;
        let item = &self.data[channel * codebooks * frames..(channel + 1) * codebooks * frames];
        let mut rows = vec![0; item.len()];
        for k in 0..codebooks {
            for t in 0..frames {
                rows[t * codebooks + k] = item[k * frames + t];
            }
        }
        rows
    }

    /// Returns the shape `[channels, codebooks, frames]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Returns the number of channels.
    pub fn channels(&self) -> usize {
        self.shape[0]
    }

    /// Returns the number of codebooks.
    pub fn codebooks(&self) -> usize {
        self.shape[1]
    }

    /// Returns the number of frames.
    pub fn frames(&self) -> usize {
        self.shape[2]
    }

    /// Returns all codes, row-major.
    pub fn as_slice(&self) -> &[u16] {
        &self.data
    }

    /// Checks that every code is less than `size`, the entries per codebook.
    ///
    /// # Errors
    /// Reports the first code that is not.
    pub fn check_range(&self, size: usize) -> Result<(), CodesError> {
        match self.data.iter().position(|&c| usize::from(c) >= size) {
            Some(at) => Err(out_of_range(self.shape, at, i64::from(self.data[at]), size)),
            None => Ok(()),
        }
    }

    /// Returns the first `codebooks` codebooks: the same signal at a lower bitrate.
    ///
    /// # Errors
    /// When `codebooks` is 0 or more than available.
    pub fn truncate(&self, codebooks: usize) -> Result<Self, CodesError> {
        let [channels, available, frames] = self.shape;
        if codebooks == 0 || codebooks > available {
            return Err(CodesError::CodebookCount { requested: codebooks, available });
        }
        let mut data = Vec::with_capacity(channels * codebooks * frames);
        for c in 0..channels {
            let start = c * available * frames;
            data.extend_from_slice(&self.data[start..start + codebooks * frames]);
        }
        Ok(Self { data, shape: [channels, codebooks, frames] })
    }

    /// Returns the frames of `range`, clamped to the available frames.
    pub fn slice_frames(&self, range: Range<usize>) -> Self {
        let [channels, codebooks, frames] = self.shape;
        let (start, end) = (range.start.min(frames), range.end.min(frames));
        let end = end.max(start);
        let mut data = Vec::with_capacity(channels * codebooks * (end - start));
        for row in 0..channels * codebooks {
            data.extend_from_slice(&self.data[row * frames + start..row * frames + end]);
        }
        Self { data, shape: [channels, codebooks, end - start] }
    }

    /// Concatenates parts along the frame axis.
    ///
    /// # Errors
    /// When their channels or codebooks differ.
    pub fn concat_frames(parts: &[Self]) -> Result<Self, CodesError> {
        let Some(first) = parts.first() else { return Ok(Self { data: Vec::new(), shape: [0; 3] }) };
        let [channels, codebooks, _] = first.shape;
        for part in parts {
            if part.shape[..2] != first.shape[..2] {
                return Err(CodesError::Mismatch {
                    expected: [channels, codebooks],
                    found: [part.shape[0], part.shape[1]],
                });
            }
        }
        let frames: usize = parts.iter().map(Self::frames).sum();
        let mut data = Vec::with_capacity(channels * codebooks * frames);
        for row in 0..channels * codebooks {
            for part in parts {
                let t = part.frames();
                data.extend_from_slice(&part.data[row * t..(row + 1) * t]);
            }
        }
        Ok(Self { data, shape: [channels, codebooks, frames] })
    }

    /// Concatenates parts along the channel axis.
    ///
    /// # Errors
    /// When their codebooks or frames differ.
    pub fn stack_channels(parts: &[Self]) -> Result<Self, CodesError> {
        let (data, shape) = stack(parts.iter().map(|part| (part.data.as_slice(), part.shape)))?;
        Ok(Self { data, shape })
    }
}

/// The error for the code at index `at` of row-major data.
fn out_of_range(shape: [usize; 3], at: usize, found: i64, size: usize) -> CodesError {
    let [_, codebooks, frames] = shape.map(|d| d.max(1));
    let (row, frame) = (at / frames, at % frames);
    CodesError::OutOfRange { channel: row / codebooks, codebook: row % codebooks, frame, found, size }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Codes {
        Codes::new((0..12).collect(), [2, 3, 2]).unwrap()
    }

    #[test]
    fn codes_out_of_range_are_reported_with_their_position() {
        assert!(sample().check_range(12).is_ok());
        let error = sample().check_range(9).unwrap_err();
        assert_eq!(error, CodesError::OutOfRange { channel: 1, codebook: 1, frame: 1, found: 9, size: 9 });
        assert!(Codes::from_i64(&[0, -1], [1, 1, 2]).is_err());
        assert!(Codes::from_i64(&[0, 65536], [1, 1, 2]).is_err());
    }

    #[test]
    fn truncate_keeps_the_first_codebooks_of_every_channel() {
        let truncated = sample().truncate(2).unwrap();
        assert_eq!(truncated.shape(), [2, 2, 2]);
        assert_eq!(truncated.as_slice(), [0, 1, 2, 3, 6, 7, 8, 9]);
        assert!(sample().truncate(4).is_err());
        assert!(sample().truncate(0).is_err());
    }

    #[test]
    fn slices_concatenate_to_the_whole() {
        let whole = sample();
        let parts = [whole.slice_frames(0..1), whole.slice_frames(1..9)];
        assert_eq!(Codes::concat_frames(&parts).unwrap(), whole);
        let stacked = Codes::stack_channels(&[whole.clone(), whole.clone()]).unwrap();
        assert_eq!(stacked.shape(), [4, 3, 2]);
        let transposed = Codes::new(whole.as_slice().to_vec(), [2, 2, 3]).unwrap();
        assert!(Codes::stack_channels(&[whole.clone(), transposed]).is_err());
        assert!(Codes::concat_frames(&[whole.clone(), whole.truncate(1).unwrap()]).is_err());
    }

    #[test]
    fn rows_round_trip() {
        let rows = [1, 2, 3, 4, 5, 6];
        let codes = Codes::from_rows(&rows, 3).unwrap();
        assert_eq!(codes.as_slice(), [1, 4, 2, 5, 3, 6]);
        assert_eq!(codes.to_rows(0), rows);
        let both = Codes::stack_channels(&[codes.clone(), codes.clone()]).unwrap();
        assert_eq!((both.shape(), both.to_rows(1)), ([2, 3, 2], rows.to_vec()));
    }
}
