//! numpy arrays.

use std::sync::Arc;

use thiserror::Error;

use super::Value;
use crate::dtype::{DType, DTypeError};
use crate::limits::MAX_AXES;
use crate::strided::gather;

/// Error of reading or converting an array.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The number of bytes does not match the shape.
    #[error("{found} bytes do not fill an array of shape {shape:?} and type {dtype:?}")]
    Size {
        /// Declared length of each axis.
        shape: Vec<usize>,
        /// Declared element type.
        dtype: DType,
        /// Number of bytes.
        found: usize,
    },
    /// An element type other than a plain number.
    #[error("unsupported element type {descr:?}; expected integers, floats or booleans of at most 64 bits")]
    DType {
        /// numpy's name of the type, at most 40 characters.
        descr: String,
    },
    /// The array contains Python objects.
    #[error("the array contains Python objects, expected numbers")]
    Objects,
    /// The elements cannot be converted.
    #[error(transparent)]
    Convert(#[from] DTypeError),
}

/// Byte and axis order of an array of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// The most significant byte of an element comes first.
    pub big_endian: bool,
    /// The first axis varies fastest (Fortran order).
    pub column_major: bool,
}

/// An array of numbers, in the layout of its file, or of objects.
#[derive(Debug, Clone, PartialEq)]
pub struct NdArray {
    shape: Vec<usize>,
    data: Data,
}

#[derive(Debug, Clone, PartialEq)]
enum Data {
    Numbers { dtype: DType, layout: Layout, bytes: Arc<[u8]> },
    Objects(Vec<Value>),
}

impl NdArray {
    /// Makes an array of numbers from the bytes of a file.
    ///
    /// # Errors
    /// When the bytes do not fill the shape exactly, or the shape has more than 64 axes.
    pub fn new(
        shape: Vec<usize>,
        dtype: DType,
        layout: Layout,
        bytes: Arc<[u8]>,
    ) -> Result<Self, ArrayError> {
        let size = shape.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
        if size != Some(bytes.len()) || shape.len() > MAX_AXES {
            return Err(ArrayError::Size { shape, dtype, found: bytes.len() });
        }
        Ok(Self { shape, data: Data::Numbers { dtype, layout, bytes } })
    }

    pub(crate) fn of_objects(shape: Vec<usize>, objects: Vec<Value>) -> Self {
        Self { shape, data: Data::Objects(objects) }
    }

    /// Length of each axis; empty for a single value.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Type of the elements; `None` for objects.
    pub fn dtype(&self) -> Option<DType> {
        if let Data::Numbers { dtype, .. } = &self.data { Some(*dtype) } else { None }
    }

    /// Objects of an array of objects, in the file's order.
    pub fn objects(&self) -> Option<&[Value]> {
        if let Data::Objects(objects) = &self.data { Some(objects) } else { None }
    }

    /// Element type, layout and bytes of an array of numbers; `None` for objects.
    pub fn numbers(&self) -> Option<(DType, Layout, &[u8])> {
        match &self.data {
            Data::Numbers { dtype, layout, bytes } => Some((*dtype, *layout, bytes)),
            Data::Objects(_) => None,
        }
    }

    /// Step along each axis, in elements.
    pub fn strides(&self) -> Vec<usize> {
        let column_major = matches!(&self.data, Data::Numbers { layout, .. } if layout.column_major);
        let mut strides = vec![1; self.shape.len()];
        let mut stride = 1usize;
        for at in 0..self.shape.len() {
            let axis = if column_major { at } else { self.shape.len() - 1 - at };
            strides[axis] = stride;
            stride = stride.saturating_mul(self.shape[axis]);
        }
        strides
    }

    /// Converts the elements to f32, in row-major order.
    ///
    /// # Errors
    /// When the array contains objects.
    pub fn to_f32(&self) -> Result<Vec<f32>, ArrayError> {
        let (dtype, big_endian, bytes) = self.row_major()?;
        Ok(dtype.to_f32(&bytes, big_endian)?)
    }

    /// Converts the elements to integers, in row-major order.
    ///
    /// # Errors
    /// When the array contains floats or objects, or a value does not fit.
    pub fn to_i64(&self) -> Result<Vec<i64>, ArrayError> {
        let (dtype, big_endian, bytes) = self.row_major()?;
        Ok(dtype.to_i64(&bytes, big_endian)?)
    }

    /// Element type, whether the bytes are big-endian, and the bytes in row-major order.
    fn row_major(&self) -> Result<(DType, bool, Arc<[u8]>), ArrayError> {
        let Data::Numbers { dtype, layout, bytes } = &self.data else {
            return Err(ArrayError::Objects);
        };
        let mut bytes = bytes.clone();
        if layout.column_major && self.shape.len() > 1 {
            let size = ArrayError::Size { shape: self.shape.clone(), dtype: *dtype, found: bytes.len() };
            bytes = gather(&bytes, dtype.size(), &self.shape, &self.strides()).ok_or(size)?.into();
        }
        Ok((*dtype, layout.big_endian, bytes))
    }
}
