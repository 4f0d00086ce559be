//! numpy arrays, as pickles and .npy files hold them.

pub(crate) mod resolve;

use std::sync::Arc;

use thiserror::Error;

use crate::dtype::{DType, DTypeError};
use crate::strided::gather;
use crate::value::Value;

/// Most axes an array may have (numpy's own limit is 64).
pub const MAX_AXES: usize = 64;

/// Why an array is not one, or was not converted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The bytes do not fill the shape.
    #[error("an array of shape {shape:?} of {dtype:?} does not take {found} bytes")]
    Size {
        /// The shape declared.
        shape: Vec<usize>,
        /// The element type declared.
        dtype: DType,
        /// How many bytes there are.
        found: usize,
    },
    /// An element type that is not a plain number.
    #[error("element type {descr:?} is not read (integers, floats to 64 bits and booleans are)")]
    DType {
        /// numpy's name of the type.
        descr: String,
    },
    /// The array holds Python objects.
    #[error("numbers expected, the array holds objects")]
    Objects,
    /// The elements were not converted.
    #[error(transparent)]
    Convert(#[from] DTypeError),
}

/// An array of numbers, in the byte and axis order of its file, or of objects.
#[derive(Debug, Clone, PartialEq)]
pub struct NdArray {
    shape: Vec<usize>,
    data: Data,
}

#[derive(Debug, Clone, PartialEq)]
enum Data {
    Numbers { dtype: DType, big_endian: bool, fortran: bool, bytes: Arc<[u8]> },
    Objects(Vec<Value>),
}

impl NdArray {
    /// An array of numbers over the bytes of a file; `fortran` means that the first axis runs fastest.
    ///
    /// # Errors
    /// When the bytes do not fill the shape exactly.
    pub fn new(
        shape: Vec<usize>,
        dtype: DType,
        big_endian: bool,
        fortran: bool,
        bytes: Arc<[u8]>,
    ) -> Result<Self, ArrayError> {
        let size = shape.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
        if size != Some(bytes.len()) || shape.len() > MAX_AXES {
            return Err(ArrayError::Size { shape, dtype, found: bytes.len() });
        }
        Ok(Self { shape, data: Data::Numbers { dtype, big_endian, fortran, bytes } })
    }

    pub(crate) fn of_objects(shape: Vec<usize>, objects: Vec<Value>) -> Self {
        Self { shape, data: Data::Objects(objects) }
    }

    /// The length of each axis; none for a single value.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of the elements; `None` for objects.
    pub fn dtype(&self) -> Option<DType> {
        if let Data::Numbers { dtype, .. } = &self.data { Some(*dtype) } else { None }
    }

    /// The objects, in the file's order, if the array holds objects.
    pub fn objects(&self) -> Option<&[Value]> {
        if let Data::Objects(objects) = &self.data { Some(objects) } else { None }
    }

    /// The elements as f32 in row-major order.
    ///
    /// # Errors
    /// When the array holds objects.
    pub fn to_f32(&self) -> Result<Vec<f32>, ArrayError> {
        let (dtype, big_endian, bytes) = self.row_major()?;
        Ok(dtype.to_f32(&bytes, big_endian)?)
    }

    /// The elements as integers in row-major order.
    ///
    /// # Errors
    /// When the array holds floats or objects, or a value does not fit.
    pub fn to_i64(&self) -> Result<Vec<i64>, ArrayError> {
        let (dtype, big_endian, bytes) = self.row_major()?;
        Ok(dtype.to_i64(&bytes, big_endian)?)
    }

    fn row_major(&self) -> Result<(DType, bool, Arc<[u8]>), ArrayError> {
        let Data::Numbers { dtype, big_endian, fortran, bytes } = &self.data else {
            return Err(ArrayError::Objects);
        };
        let mut bytes = bytes.clone();
        if *fortran && self.shape.len() > 1 {
            let mut stride = 1usize;
            let mut strides = Vec::with_capacity(self.shape.len());
            for &d in &self.shape {
                strides.push(stride);
                stride = stride.saturating_mul(d);
            }
            let size = ArrayError::Size { shape: self.shape.clone(), dtype: *dtype, found: bytes.len() };
            bytes = gather(&bytes, dtype.size(), &self.shape, &strides).ok_or(size)?.into();
        }
        Ok((*dtype, *big_endian, bytes))
    }
}

/// Reads numpy's name of an element type, `<u2`, `>f4`, `|b1`, `=i8` or the same without the first character; gives the
/// type and whether it is big-endian (`=` and none count as little).
///
/// # Errors
/// When it is no plain number of at most 64 bits.
pub fn parse_descr(descr: &str) -> Result<(DType, bool), ArrayError> {
    let refused = || ArrayError::DType { descr: descr.chars().take(40).collect() };
    let (big_endian, name) = match descr.chars().next() {
        Some('>') => (true, &descr[1..]),
        Some('<' | '|' | '=') => (false, &descr[1..]),
        _ => (false, descr),
    };
    let dtype = match name {
        "f8" => DType::F64,
        "f4" => DType::F32,
        "f2" => DType::F16,
        "i8" => DType::I64,
        "i4" => DType::I32,
        "i2" => DType::I16,
        "i1" => DType::I8,
        "u8" => DType::U64,
        "u4" => DType::U32,
        "u2" => DType::U16,
        "u1" => DType::U8,
        "b1" => DType::Bool,
        _ => return Err(refused()),
    };
    Ok((dtype, big_endian))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fortran_order_comes_out_row_major() {
        let bytes: Arc<[u8]> = vec![0, 3, 1, 4, 2, 5].into();
        let array = NdArray::new(vec![2, 3], DType::U8, false, true, bytes.clone()).unwrap();
        assert_eq!(array.to_i64().unwrap(), [0, 1, 2, 3, 4, 5]);
        assert!(NdArray::new(vec![2, 4], DType::U8, false, true, bytes.clone()).is_err());
        assert!(NdArray::new(vec![usize::MAX, 2], DType::U8, false, false, bytes).is_err());
    }

    #[test]
    fn descriptions_of_plain_numbers_are_read() {
        assert_eq!(parse_descr("<u2"), Ok((DType::U16, false)));
        assert_eq!(parse_descr(">f4"), Ok((DType::F32, true)));
        assert_eq!(parse_descr("b1"), Ok((DType::Bool, false)));
        for bad in ["", "|O", "<c8", "<f16", "<é2", "é"] {
            assert!(parse_descr(bad).is_err(), "{bad}");
        }
    }
}
