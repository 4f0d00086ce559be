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
        let mut data = vec![0.0; rows.len()];
        for (t, row) in rows.chunks_exact(channels.max(1)).enumerate() {
            for (c, &value) in row.iter().enumerate() {
                data[c * frames + t] = value;
            }
        }
        Ok(Self { data, shape })
    }

    /// Transposes item `batch` to rows `[frames][channels]`.
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
        let size = self.shape[1] * self.shape[2];
        &self.data[batch * size..(batch + 1) * size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_rejects_a_wrong_number_of_values() {
        assert!(Array3::new(vec![0.0; 6], [1, 2, 3]).is_ok());
        let error = Array3::new(vec![0.0; 5], [1, 2, 3]).unwrap_err();
        assert_eq!(error, ShapeError::Length { shape: [1, 2, 3], expected: 6, found: 5 });
        assert!(Array3::new(vec![], [usize::MAX, 2, 2]).is_err());
    }

    #[test]
    fn rows_round_trip() {
        let rows: Vec<f32> = (0..6).map(|v| v as f32).collect();
        let array = Array3::from_rows(&rows, 2).unwrap();
        assert_eq!(array.shape(), [1, 2, 3]);
        assert_eq!(array.as_slice(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        assert_eq!(array.to_rows(0), rows);
        assert!(Array3::from_rows(&rows, 4).is_err());
    }

    #[test]
    fn stack_rejects_different_shapes() {
        let a = Array3::new(vec![1.0; 6], [1, 2, 3]).unwrap();
        assert_eq!(Array3::stack(&[a.clone(), a.clone()]).unwrap().shape(), [2, 2, 3]);
        // The same number of values in another shape.
        let transposed = Array3::new(vec![1.0; 6], [1, 3, 2]).unwrap();
        for other in [Array3::mono(vec![0.0; 2]), transposed] {
            let found = other.shape();
            let error = Array3::stack(&[a.clone(), other]).unwrap_err();
            assert_eq!(error, ShapeError::Stack { first: [1, 2, 3], found });
        }
    }
}
