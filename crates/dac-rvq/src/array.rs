//! A dense array of three axes in row-major order, the plain form of latents and audio.

use thiserror::Error;

/// A length that does not fit the shape it was given with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("a shape of {shape:?} needs {expected} values, {found} were given")]
pub struct ShapeError {
    /// The shape asked for.
    pub shape: [usize; 3],
    /// How many values that shape holds (saturated when it overflows).
    pub expected: usize,
    /// How many values were given.
    pub found: usize,
}

/// Number of elements of a shape, or an error when it is not `found`.
pub(crate) fn check_shape(shape: [usize; 3], found: usize) -> Result<(), ShapeError> {
    let expected = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
    if expected == found { Ok(()) } else { Err(ShapeError { shape, expected, found }) }
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
        let Some(first) = items.first() else { return Ok(Self { data: Vec::new(), shape: [0; 3] }) };
        let [_, channels, frames] = first.shape;
        let mut data = Vec::new();
        let mut batch = 0;
        for item in items {
            check_shape([item.shape[0], channels, frames], item.data.len())?;
            batch += item.shape[0];
            data.extend_from_slice(&item.data);
        }
        Ok(Self { data, shape: [batch, channels, frames] })
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
        assert_eq!((error.expected, error.found), (6, 5));
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
        assert!(Array3::stack(&[a, Array3::mono(vec![0.0; 2])]).is_err());
    }
}
