//! Codes: one codebook index per channel, codebook and frame.

use std::ops::Range;

use thiserror::Error;

use crate::array::{ShapeError, check_shape, item, item_start, stack, transpose};

/// Invalid codes or an invalid request on codes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodesError {
    /// The number of values does not match the shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A code is not an index of its codebook.
    #[error(
        "codebook {codebook} of channel {channel} contains {found} at frame {frame}{}",
        describe(*found, *size)
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
        /// Entries of the codebook; `None` if they are not known.
        size: Option<usize>,
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

impl CodesError {
    /// Completes an error that was found without knowing the number of entries per codebook.
    #[must_use]
    pub fn with_codebook_size(self, entries: usize) -> Self {
        match self {
            Self::OutOfRange { channel, codebook, frame, found, size: None } => {
                Self::OutOfRange { channel, codebook, frame, found, size: Some(entries) }
            }
            other => other,
        }
    }
}

/// Explains what is wrong with a code, and what values of this kind usually are.
fn describe(found: i64, size: Option<usize>) -> String {
    let limit = size.map_or_else(|| "the model's codebook size".to_owned(), |size| size.to_string());
    if found < 0 {
        return format!(
            ", which is negative; codes must be from 0 on and below {limit} (negative values are usually \
             padding, which has to be removed first)"
        );
    }
    format!(
        "; codes must be below {limit} (values from there on are usually special tokens of a language model, \
         such as BOS, EOS and PAD, which have to be removed first)"
    )
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
        let narrow = |(at, &v)| u16::try_from(v).map_err(|_| out_of_range(shape, at, v, None));
        Ok(Self { data: data.iter().enumerate().map(narrow).collect::<Result<_, _>>()?, shape })
    }

    /// Transposes rows `[frames][codebooks]` to one channel `[1, codebooks, frames]`.
    ///
    /// # Errors
    /// When the length of `rows` is not a multiple of `codebooks`.
    pub fn from_rows(rows: &[u16], codebooks: usize) -> Result<Self, CodesError> {
        let frames = rows.len().checked_div(codebooks).unwrap_or(0);
        let shape = [1, codebooks, frames];
        check_shape(shape, rows.len())?;
        Ok(Self { data: transpose(rows, codebooks), shape })
    }

    /// Transposes one channel's codes to rows `[frames][codebooks]`.
    ///
    /// # Panics
    /// When `channel` is out of range.
    pub fn to_rows(&self, channel: usize) -> Vec<u16> {
        transpose(item(&self.data, self.shape, channel), self.shape[2])
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

    /// Returns all codes, row-major, without copying.
    pub fn into_vec(self) -> Vec<u16> {
        self.data
    }

    /// Checks that every code is less than `size`, the entries per codebook.
    ///
    /// # Errors
    /// Reports the first code that is not.
    pub fn check_range(&self, size: usize) -> Result<(), CodesError> {
        match self.data.iter().position(|&c| usize::from(c) >= size) {
            Some(at) => Err(out_of_range(self.shape, at, i64::from(self.data[at]), Some(size))),
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
        let kept = (0..channels).map(|c| &item(&self.data, self.shape, c)[..codebooks * frames]);
        Ok(Self { data: kept.collect::<Vec<_>>().concat(), shape: [channels, codebooks, frames] })
    }

    /// Returns the first `frames` frames of a channel, `[1, codebooks, frames]`; all of them if there are
    /// fewer.
    ///
    /// # Panics
    /// When `channel` is out of range.
    #[must_use]
    pub fn channel_start(&self, channel: usize, frames: usize) -> Self {
        let data = item_start(&self.data, self.shape, channel, frames);
        Self { data, shape: [1, self.codebooks(), frames.min(self.frames())] }
    }

    /// Adds frames of code 0 at the end, up to `frames` frames in all.
    #[must_use]
    pub fn padded(&self, frames: usize) -> Self {
        let [channels, codebooks, available] = self.shape;
        let frames = frames.max(available);
        let mut data = Vec::with_capacity(channels * codebooks * frames);
        for row in 0..channels * codebooks {
            data.extend_from_slice(&self.data[row * available..(row + 1) * available]);
            data.resize((row + 1) * frames, 0);
        }
        Self { data, shape: [channels, codebooks, frames] }
    }

    /// Returns the frames of `range`, clamped to the available frames.
    pub fn slice_frames(&self, range: Range<usize>) -> Self {
        let [channels, codebooks, frames] = self.shape;
        let start = range.start.min(frames);
        let end = range.end.clamp(start, frames);
        let rows = self.data.chunks_exact(frames.max(1)).map(|row| &row[start..end]);
        Self { data: rows.collect::<Vec<_>>().concat(), shape: [channels, codebooks, end - start] }
    }

    /// Concatenates parts along the frame axis.
    ///
    /// # Errors
    /// When their channels or codebooks differ.
    pub fn concat_frames(parts: &[Self]) -> Result<Self, CodesError> {
        let Some(first) = parts.first() else { return Ok(Self { data: Vec::new(), shape: [0; 3] }) };
        let [channels, codebooks, _] = first.shape;
        let expected = [channels, codebooks];
        let mut found = parts.iter().map(|part| [part.channels(), part.codebooks()]);
        if let Some(found) = found.find(|found| *found != expected) {
            return Err(CodesError::Mismatch { expected, found });
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
fn out_of_range(shape: [usize; 3], at: usize, found: i64, size: Option<usize>) -> CodesError {
    let [_, codebooks, frames] = shape.map(|d| d.max(1));
    let (row, frame) = (at / frames, at % frames);
    CodesError::OutOfRange { channel: row / codebooks, codebook: row % codebooks, frame, found, size }
}
