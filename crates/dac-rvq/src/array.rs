//! A dense array of three axes in row-major order, the plain form of latents and audio.

use thiserror::Error;

/// What does not fit a shape.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// A length that does not fit the shape it was given with.
    #[error("a shape of {shape:?} needs {expected} values, {found} were given")]
    Length {
        /// The shape asked for.
        shape: [usize; 3],
        /// How many values that shape holds (saturated when it overflows).
        expected: usize,
        /// How many values were given.
        found: usize,
    },
    /// Parts that do not stack: they differ beyond their first axis.
    #[error("a part of shape {found:?} does not stack on one of {first:?}")]
    Stack {
        /// The first part's shape.
        first: [usize; 3],
        /// The shape of the part that differs.
        found: [usize; 3],
    },
}

/// Number of elements of a shape, or an error when it is not `found`.
pub(crate) fn check_shape(shape: [usize; 3], found: usize) -> Result<(), ShapeError> {
    let expected = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
    if expected == found { Ok(()) } else { Err(ShapeError::Length { shape, expected, found }) }
}

/// The data of parts that differ in their first axis alone, one after another, and its shape; zeros for no parts.
pub(crate) fn stacked<'a, T: Copy + 'a>(
    mut parts: impl Iterator<Item = (&'a [T], [usize; 3])>,
) -> Result<(Vec<T>, [usize; 3]), ShapeError> {
    let Some((data, first)) = parts.next() else { return Ok((Vec::new(), [0; 3])) };
    let (mut data, mut shape) = (data.to_vec(), first);
    for (more, found) in parts {
        if found[1..] != first[1..] {
            return Err(ShapeError::Stack { first, found });
        }
        data.extend_from_slice(more);
        shape[0] += found[0];
    }
    Ok((data, shape))
}

/// f32 values of shape `[batch, channels, samples]` (audio) or `[batch, latent, frames]` (latents), row-major.
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

    /// One item, one channel: `[1, 1, samples]`.
    pub fn mono(samples: Vec<f32>) -> Self {
        let shape = [1, 1, samples.len()];
        Self { data: samples, shape }
    }

    /// One item from rows laid out one frame after another (`[frames][channels]`), transposed to `[1, channels, frames]`.
    ///
    /// # Errors
    /// When `rows` is not a whole number of frames of `channels` values.
    pub fn from_rows(rows: &[f32], channels: usize) -> Result<Self, ShapeError> {
        let frames = rows.len().checked_div(channels).unwrap_or(0);
        let shape = [1, channels, frames];
        check_shape(shape, rows.len())?;
        let mut data = vec![0.0; rows.len()];
        for (t, row) in rows.chunks_exact(channels.max(1)).enumerate() {
            for (c, &value) in row.iter().enumerate() {
                data[c * frames + t] = value;
            }
        }
        Ok(Self { data, shape })
    }

    /// Item `batch` as rows one frame after another: `[frames][channels]`.
    ///
    /// # Panics
    /// When `batch` is out of range.
    pub fn to_rows(&self, batch: usize) -> Vec<f32> {
        let [_, channels, frames] = self.shape;
        let item = self.item(batch);
        let mut rows = vec![0.0; item.len()];
        for c in 0..channels {
            for t in 0..frames {
                rows[t * channels + c] = item[c * frames + t];
            }
        }
        rows
    }

    /// All items of equal channel and frame counts, one after another along the batch axis.
    ///
    /// # Errors
    /// When an item's channels or frames differ from the first one's.
    pub fn stack(items: &[Self]) -> Result<Self, ShapeError> {
        let (data, shape) = stacked(items.iter().map(|item| (item.data.as_slice(), item.shape)))?;
        Ok(Self { data, shape })
    }

    /// The shape.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// All values, row-major.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// The values, row-major, without a copy.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// Item `batch` as `[channels, samples]`, row-major.
    ///
    /// # Panics
    /// When `batch` is out of range.
    pub fn item(&self, batch: usize) -> &[f32] {
        let size = self.shape[1] * self.shape[2];
        &self.data[batch * size..(batch + 1) * size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_must_fit_its_values() {
        assert!(Array3::new(vec![0.0; 6], [1, 2, 3]).is_ok());
        let error = Array3::new(vec![0.0; 5], [1, 2, 3]).unwrap_err();
        assert_eq!(error, ShapeError::Length { shape: [1, 2, 3], expected: 6, found: 5 });
        assert!(Array3::new(vec![], [usize::MAX, 2, 2]).is_err());
    }

    #[test]
    fn rows_and_back() {
        let rows: Vec<f32> = (0..6).map(|v| v as f32).collect();
        let array = Array3::from_rows(&rows, 2).unwrap();
        assert_eq!(array.shape(), [1, 2, 3]);
        assert_eq!(array.as_slice(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        assert_eq!(array.to_rows(0), rows);
        assert!(Array3::from_rows(&rows, 4).is_err());
    }

    #[test]
    fn only_equal_items_stack() {
        let a = Array3::new(vec![1.0; 6], [1, 2, 3]).unwrap();
        assert_eq!(Array3::stack(&[a.clone(), a.clone()]).unwrap().shape(), [2, 2, 3]);
        // As many values, in other rows.
        let turned = Array3::new(vec![1.0; 6], [1, 3, 2]).unwrap();
        for other in [Array3::mono(vec![0.0; 2]), turned] {
            let found = other.shape();
            let error = Array3::stack(&[a.clone(), other]).unwrap_err();
            assert_eq!(error, ShapeError::Stack { first: [1, 2, 3], found });
        }
    }
}
