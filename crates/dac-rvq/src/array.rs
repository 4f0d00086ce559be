//! A dense row-major f32 array with three axes, used for audio and latents.

use thiserror::Error;

/// Values or parts that do not fit a shape.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// The number of values does not match the shape.
    #[error("shape {shape:?} needs {expected} values, found {found}")]
    Length {
        /// Requested shape.
        shape: [usize; 3],
        /// Number of values of that shape; saturates on overflow.
        expected: usize,
        /// Number of values given.
        found: usize,
    },
    /// Parts to stack differ in an axis other than the first.
    #[error("cannot stack a part of shape {found:?} on one of shape {first:?}")]
    Stack {
        /// Shape of the first part.
        first: [usize; 3],
        /// Shape of the differing part.
        found: [usize; 3],
    },
}

/// Checks that `shape` has `found` elements.
pub(crate) fn check_shape(shape: [usize; 3], found: usize) -> Result<(), ShapeError> {
    let expected = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
    if expected == found { Ok(()) } else { Err(ShapeError::Length { shape, expected, found }) }
}

/// Concatenates parts along the first axis. Returns data and shape; the shape is all zeros without parts.
pub(crate) fn stack<'a, T: Copy + 'a>(
    mut parts: impl Iterator<Item = (&'a [T], [usize; 3])>,
) -> Result<(Vec<T>, [usize; 3]), ShapeError> {
    let Some((data, first)) = parts.next() else { return Ok((Vec::new(), [0; 3])) };
    let (mut data, mut shape) = (data.to_vec(), first);
    for (part, found) in parts {
        if found[1..] != first[1..] {
            return Err(ShapeError::Stack { first, found });
        }
        data.extend_from_slice(part);
        shape[0] += found[0];
    }
    Ok((data, shape))
}

/// Returns the values at index `at` of the first axis.
pub(crate) fn item<T>(data: &[T], [_, rows, columns]: [usize; 3], at: usize) -> &[T] {
    let size = rows * columns;
    &data[at * size..(at + 1) * size]
}

/// Returns the first columns of an item's rows.
pub(crate) fn item_start<T: Copy>(data: &[T], shape: [usize; 3], at: usize, columns: usize) -> Vec<T> {
    let rows = item(data, shape, at).chunks_exact(shape[2].max(1));
    rows.flat_map(|row| &row[..columns.min(row.len())]).copied().collect()
}

/// Transposes rows of `columns` values.
pub(crate) fn transpose<T: Copy + Default>(rows: &[T], columns: usize) -> Vec<T> {
    let (columns, mut transposed) = (columns.max(1), vec![T::default(); rows.len()]);
    for (r, row) in rows.chunks_exact(columns).enumerate() {
        for (c, &value) in row.iter().enumerate() {
            transposed[c * (rows.len() / columns) + r] = value;
        }
    }
    transposed
}

/// f32 values of shape `[batch, channels, samples]` (audio) or `[batch, latent, frames]` (latents),
/// row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array3 {
    data: Vec<f32>,
    shape: [usize; 3],
}

impl Array3 {
    /// Wraps `data` of the given shape.
    ///
    /// # Errors
    /// When the product of `shape` is not the length of `data`.
    pub fn new(data: Vec<f32>, shape: [usize; 3]) -> Result<Self, ShapeError> {
        check_shape(shape, data.len())?;
        Ok(Self { data, shape })
    }

    /// Wraps samples as one item with one channel, `[1, 1, samples]`.
    pub fn mono(samples: Vec<f32>) -> Self {
        let shape = [1, 1, samples.len()];
        Self { data: samples, shape }
    }

    /// Transposes rows `[frames][channels]` to one item `[1, channels, frames]`.
    ///
    /// # Errors
    /// When the length of `rows` is not a multiple of `channels`.
    pub fn from_rows(rows: &[f32], channels: usize) -> Result<Self, ShapeError> {
        let frames = rows.len().checked_div(channels).unwrap_or(0);
        let shape = [1, channels, frames];
        check_shape(shape, rows.len())?;
        Ok(Self { data: transpose(rows, channels), shape })
    }

    /// Transposes item `batch` to rows `[frames][channels]`.
    ///
    /// # Panics
    /// When `batch` is out of range.
    pub fn to_rows(&self, batch: usize) -> Vec<f32> {
        transpose(self.item(batch), self.shape[2])
    }

    /// Concatenates arrays along the batch axis.
    ///
    /// # Errors
    /// When channels or frames differ.
    pub fn stack(items: &[Self]) -> Result<Self, ShapeError> {
        let (data, shape) = stack(items.iter().map(|item| (item.data.as_slice(), item.shape)))?;
        Ok(Self { data, shape })
    }

    /// Returns the shape.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Returns all values, row-major.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// Returns all values, row-major, without copying.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// Returns item `batch`, `[channels, samples]`, row-major.
    ///
    /// # Panics
    /// When `batch` is out of range.
    pub fn item(&self, batch: usize) -> &[f32] {
        item(&self.data, self.shape, batch)
    }

    /// Returns the first `columns` samples of each channel of item `batch`, `[1, channels, columns]`; all of
    /// them if there are fewer.
    ///
    /// # Panics
    /// When `batch` is out of range.
    #[must_use]
    pub fn item_start(&self, batch: usize, columns: usize) -> Self {
        let [_, channels, available] = self.shape;
        let data = item_start(&self.data, self.shape, batch, columns);
        Self { data, shape: [1, channels, columns.min(available)] }
    }
}
