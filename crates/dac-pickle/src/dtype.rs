//! Element types of numpy arrays and torch tensors, with conversion to f32 and integers.

use half::{bf16, f16};
use thiserror::Error;

/// Element type of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// 64-bit float.
    F64,
    /// 32-bit float.
    F32,
    /// 16-bit IEEE float.
    F16,
    /// 16-bit brain float.
    BF16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// 16-bit signed integer.
    I16,
    /// 8-bit signed integer.
    I8,
    /// 64-bit unsigned integer.
    U64,
    /// 32-bit unsigned integer.
    U32,
    /// 16-bit unsigned integer.
    U16,
    /// 8-bit unsigned integer.
    U8,
    /// One byte, true unless zero.
    Bool,
}

/// Error of converting elements.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DTypeError {
    /// The elements are floats.
    #[error("the elements are of type {found:?}, expected integers")]
    NotInteger {
        /// Type of the elements.
        found: DType,
    },
    /// An unsigned value above the signed range.
    #[error("the value {value} does not fit a signed 64-bit integer")]
    TooLarge {
        /// The value.
        value: u64,
    },
    /// The bytes end within an element.
    #[error("{bytes} bytes are not a whole number of elements of type {dtype:?}")]
    PartialElement {
        /// Type of the elements.
        dtype: DType,
        /// Number of bytes.
        bytes: usize,
    },
}

impl DType {
    /// Parses a type's name in safetensors files (`F32`, `BOOL`); `None` for types that do not occur in
    /// torch's pickles.
    pub fn from_safetensors(name: &str) -> Option<Self> {
        Some(match name {
            "F64" => Self::F64,
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::BF16,
            "I64" => Self::I64,
            "I32" => Self::I32,
            "I16" => Self::I16,
            "I8" => Self::I8,
            "U64" => Self::U64,
            "U32" => Self::U32,
            "U16" => Self::U16,
            "U8" => Self::U8,
            "BOOL" => Self::Bool,
            _ => return None,
        })
    }

    /// Size of an element in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Returns true for float types.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// Converts the elements in `bytes` to f32; wider types are rounded.
    ///
    /// # Errors
    /// When `bytes` ends within an element.
    pub fn to_f32(self, bytes: &[u8], big_endian: bool) -> Result<Vec<f32>, DTypeError> {
        self.check_length(bytes)?;
        Ok(match self {
            Self::F64 => convert_all(bytes, big_endian, |b| f64::from_le_bytes(b) as f32),
            Self::F32 => convert_all(bytes, big_endian, f32::from_le_bytes),
            Self::F16 => convert_all(bytes, big_endian, |b| f16::from_le_bytes(b).to_f32()),
            Self::BF16 => convert_all(bytes, big_endian, |b| bf16::from_le_bytes(b).to_f32()),
            Self::I64 => convert_all(bytes, big_endian, |b| i64::from_le_bytes(b) as f32),
            Self::I32 => convert_all(bytes, big_endian, |b| i32::from_le_bytes(b) as f32),
            Self::I16 => convert_all(bytes, big_endian, |b| i16::from_le_bytes(b).into()),
            Self::I8 => convert_all(bytes, big_endian, |b| i8::from_le_bytes(b).into()),
            Self::U64 => convert_all(bytes, big_endian, |b| u64::from_le_bytes(b) as f32),
            Self::U32 => convert_all(bytes, big_endian, |b| u32::from_le_bytes(b) as f32),
            Self::U16 => convert_all(bytes, big_endian, |b| u16::from_le_bytes(b).into()),
            Self::U8 => convert_all(bytes, big_endian, |b| u8::from_le_bytes(b).into()),
            Self::Bool => convert_all(bytes, big_endian, |[b]: [u8; 1]| f32::from(u8::from(b != 0))),
        })
    }

    /// Converts the elements in `bytes` to integers; booleans become 0 and 1.
    ///
    /// # Errors
    /// When the elements are floats or do not fit, or `bytes` ends within an element.
    pub fn to_i64(self, bytes: &[u8], big_endian: bool) -> Result<Vec<i64>, DTypeError> {
        self.check_length(bytes)?;
        Ok(match self {
            Self::F64 | Self::F32 | Self::F16 | Self::BF16 => {
                return Err(DTypeError::NotInteger { found: self });
            }
            Self::I64 => convert_all(bytes, big_endian, i64::from_le_bytes),
            Self::I32 => convert_all(bytes, big_endian, |b| i32::from_le_bytes(b).into()),
            Self::I16 => convert_all(bytes, big_endian, |b| i16::from_le_bytes(b).into()),
            Self::I8 => convert_all(bytes, big_endian, |b| i8::from_le_bytes(b).into()),
            Self::U64 => {
                let wide: Vec<u64> = convert_all(bytes, big_endian, u64::from_le_bytes);
                let narrow = wide
                    .into_iter()
                    .map(|value| i64::try_from(value).map_err(|_| DTypeError::TooLarge { value }));
                return narrow.collect();
            }
            Self::U32 => convert_all(bytes, big_endian, |b| u32::from_le_bytes(b).into()),
            Self::U16 => convert_all(bytes, big_endian, |b| u16::from_le_bytes(b).into()),
            Self::U8 => convert_all(bytes, big_endian, |b| u8::from_le_bytes(b).into()),
            Self::Bool => convert_all(bytes, big_endian, |[b]: [u8; 1]| i64::from(b != 0)),
        })
    }

    fn check_length(self, bytes: &[u8]) -> Result<(), DTypeError> {
        if bytes.len().is_multiple_of(self.size()) {
            Ok(())
        } else {
            Err(DTypeError::PartialElement { dtype: self, bytes: bytes.len() })
        }
    }
}

fn convert_all<const N: usize, T>(bytes: &[u8], big_endian: bool, convert: impl Fn([u8; N]) -> T) -> Vec<T> {
    let (elements, _) = bytes.as_chunks::<N>();
    let convert = |&element: &[u8; N]| {
        let mut element = element;
        if big_endian {
            element.reverse();
        }
        convert(element)
    };
    elements.iter().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_widths_convert_in_both_byte_orders() {
        assert_eq!(DType::F64.to_f32(&1.5f64.to_be_bytes(), true), Ok(vec![1.5]));
        assert_eq!(DType::F16.to_f32(&f16::from_f32(-2.0).to_le_bytes(), false), Ok(vec![-2.0]));
        assert_eq!(DType::BF16.to_f32(&bf16::from_f32(0.5).to_be_bytes(), true), Ok(vec![0.5]));
        assert_eq!(DType::I16.to_i64(&(-3i16).to_be_bytes(), true), Ok(vec![-3]));
        assert_eq!(DType::U32.to_i64(&u32::MAX.to_le_bytes(), false), Ok(vec![0xffff_ffff]));
        assert_eq!(DType::Bool.to_i64(&[0, 7], false), Ok(vec![0, 1]));
        assert_eq!(
            DType::U64.to_i64(&u64::MAX.to_le_bytes(), false),
            Err(DTypeError::TooLarge { value: u64::MAX })
        );
        assert!(matches!(DType::F32.to_i64(&[0; 4], false), Err(DTypeError::NotInteger { .. })));
        assert!(matches!(DType::F32.to_f32(&[0; 5], false), Err(DTypeError::PartialElement { .. })));
    }
}
