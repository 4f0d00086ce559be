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

/// Naming of element types: a column of [`NAMES`].
#[derive(Clone, Copy)]
pub(crate) enum Naming {
    Safetensors,
    /// numpy's kind and size, without the byte order.
    Numpy,
    Torch,
    /// torch's typed storage classes, without the suffix `Storage`.
    TorchStorage,
}

/// Names of each type; empty where a library has no such type.
const NAMES: [(DType, [&str; 4]); 13] = [
    (DType::F64, ["F64", "f8", "float64", "Double"]),
    (DType::F32, ["F32", "f4", "float32", "Float"]),
    (DType::F16, ["F16", "f2", "float16", "Half"]),
    (DType::BF16, ["BF16", "", "bfloat16", "BFloat16"]),
    (DType::I64, ["I64", "i8", "int64", "Long"]),
    (DType::I32, ["I32", "i4", "int32", "Int"]),
    (DType::I16, ["I16", "i2", "int16", "Short"]),
    (DType::I8, ["I8", "i1", "int8", "Char"]),
    (DType::U64, ["U64", "u8", "uint64", ""]),
    (DType::U32, ["U32", "u4", "uint32", ""]),
    (DType::U16, ["U16", "u2", "uint16", ""]),
    (DType::U8, ["U8", "u1", "uint8", "Byte"]),
    (DType::Bool, ["BOOL", "b1", "bool", "Bool"]),
];

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
    /// Looks up a type by its name.
    pub(crate) fn find(naming: Naming, name: &str) -> Option<Self> {
        let row = NAMES.iter().find(|(_, names)| names[naming as usize] == name);
        row.filter(|_| !name.is_empty()).map(|(dtype, _)| *dtype)
    }

    /// Returns the type's name; `None` if it has none.
    pub(crate) fn name(self, naming: Naming) -> Option<&'static str> {
        let row = NAMES.iter().find(|(dtype, _)| *dtype == self);
        row.map(|(_, names)| names[naming as usize]).filter(|name| !name.is_empty())
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

    /// Returns true for integer types; booleans are not integers.
    pub fn is_integer(self) -> bool {
        !self.is_float() && self != Self::Bool
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
            Self::U64 => convert_all(bytes, big_endian, |b| u64::from_le_bytes(b) as f32),
            // All other integers fit 64 signed bits.
            _ => self.to_i64(bytes, big_endian)?.into_iter().map(|value| value as f32).collect(),
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
                let values = convert_all(bytes, big_endian, u64::from_le_bytes).into_iter();
                let narrow = |value| i64::try_from(value).map_err(|_| DTypeError::TooLarge { value });
                return values.map(narrow).collect();
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
