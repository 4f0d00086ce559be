//! The .pt format of torch: one tensor of codes or z, or a dict of tensors. Numpy arrays are read like
//! tensors.

use std::io::{Cursor, Write};

use dac_pickle::numpy::{ArrayError, NdArray};
use dac_pickle::torch::{Saved, TensorRef, TorchFile, write as write_torch};
use dac_pickle::{DType, Value, read_strided};
use dac_sniff::{Kind, guess};

use crate::arrays::{CODES, Elements, StoredArray, check_type, three_axes, write_codes};
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::{IntegerType, WriteOptions};
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Capacity, Input, Opened, TokenFormat};

const NAME: &str = "pt";

pub(crate) const PT: TokenFormat = TokenFormat {
    name: NAME,
    // Zip archives, and files of torch before 1.6, which are refused by name.
    matches: |start| start.starts_with(b"PK\x03\x04") || guess(start).kind == Kind::LegacyTorch,
    capacity: Capacity::AnyArrays,
    // torch stores 16-bit unsigned integers only from version 2.3 on.
    integers: &[IntegerType::I64, IntegerType::I32],
    stores_windows: false,
    open,
    write,
};

fn open(reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let file = TorchFile::open(reader)?;
    let root = file.root();
    let named = |name: &'static str| match root.get(name) {
        Some(value) => PtArray::new(value, name),
        None => Ok(None),
    };
    let (codes, z, latents) = match element_type(root) {
        Some(dtype) if dtype.is_float() => (None, PtArray::new(root, "z")?, None),
        Some(_) => (PtArray::new(root, CODES)?, None, None),
        None => (named(CODES)?, named("z")?, named("latents")?),
    };
    let arrays = Arrays { codes, z, latents };
    if arrays.is_empty() {
        return Err(TokenError::no_tokens(NAME, &describe_content(root)));
    }
    Ok(arrays.open(file, TokenMeta::default()))
}

/// Lists the keys of a dict, those of arrays with the kind of their values, or names another value.
fn describe_content(root: &Value) -> Vec<String> {
    let Some(pairs) = root.as_dict() else { return vec![root.kind().to_owned()] };
    let keys = pairs.iter().filter_map(|(key, value)| {
        let key = key.as_str()?;
        let is_array = matches!(key, CODES | "z" | "latents");
        Some(if is_array { format!("{key}, which is {}", value.kind()) } else { key.to_owned() })
    });
    keys.collect()
}

/// Writes a LongTensor, IntTensor or FloatTensor, or a dict if there are several arrays or latents.
fn write(writer: &mut dyn Write, file: &TokenFile, options: &WriteOptions) -> Result<(), TokenError> {
    let mut saved = Vec::new();
    if let Some(codes) = &file.codes {
        let integer = options.integer.unwrap_or(IntegerType::I64);
        let mut bytes = Vec::with_capacity(codes.as_slice().len() * integer.dtype().size());
        write_codes(&mut bytes, codes, integer)?;
        let shape = codes.shape().to_vec();
        saved.push((CODES.to_owned(), Saved::Tensor { dtype: integer.dtype(), shape, bytes }));
    }
    for (name, array) in [("z", &file.z), ("latents", &file.latents)] {
        if let Some(array) = array {
            saved.push((name.to_owned(), Saved::float_tensor(array.as_slice(), &array.shape())));
        }
    }
    let bare = saved.len() == 1 && file.latents.is_none();
    let root = match saved.pop() {
        Some((_, tensor)) if bare => tensor,
        last => {
            saved.extend(last);
            Saved::Dict(saved)
        }
    };
    Ok(write_torch(writer, "tokens", &root)?)
}

/// Element type of a tensor or of an array of numbers.
fn element_type(value: &Value) -> Option<DType> {
    match value {
        Value::Tensor(tensor) => Some(tensor.dtype),
        Value::Array(array) => array.dtype(),
        _ => None,
    }
}

/// An array and its shape `[channels, codebooks or latent, frames]`.
struct PtArray {
    elements: Stored,
    dtype: DType,
    shape: [usize; 3],
}

/// Elements of an array.
enum Stored {
    /// In the file.
    Tensor(TensorRef),
    /// In the file's pickle, which is in memory.
    Numpy(NdArray),
}

impl PtArray {
    /// Describes the tensor or numpy array `value` that contains `array`; `None` for other values.
    fn new(value: &Value, array: &'static str) -> Result<Option<Self>, TokenError> {
        let (elements, shape) = match value {
            Value::Tensor(tensor) => (Stored::Tensor(tensor.clone()), &tensor.shape[..]),
            Value::Array(numbers) => (Stored::Numpy(numbers.clone()), numbers.shape()),
            _ => return Ok(None),
        };
        let dtype = element_type(value).ok_or(ArrayError::Objects)?;
        check_type(dtype, array)?;
        let shape = three_axes(shape, array)?;
        Ok(Some(Self { elements, dtype, shape }))
    }
}

impl<'a> StoredArray<TorchFile<Input<'a>>> for PtArray {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn read(
        &self,
        file: &mut TorchFile<Input<'a>>,
        start: usize,
        shape: [usize; 3],
    ) -> Result<Elements, TokenError> {
        match &self.elements {
            Stored::Tensor(tensor) => {
                let last = tensor.shape.len().saturating_sub(1);
                let bytes = file.read_tensor(&tensor.clone().narrow(last, start, shape[2]))?;
                Ok(Elements { dtype: self.dtype, big_endian: false, bytes, shape })
            }
            Stored::Numpy(array) => {
                let (_, layout, bytes) = array.numbers().ok_or(ArrayError::Objects)?;
                let size = self.dtype.size();
                let (mut axes, strides) = (array.shape().to_vec(), array.strides());
                let (Some(frames), Some(&step)) = (axes.last_mut(), strides.last()) else {
                    return Err(TokenError::malformed(NAME, "an array has no axes"));
                };
                *frames = shape[2];
                let position = (start as u64).saturating_mul(step as u64).saturating_mul(size as u64);
                let bytes = read_strided(&mut Cursor::new(bytes), position, size, &axes, &strides)?;
                Ok(Elements { dtype: self.dtype, big_endian: layout.big_endian, bytes, shape })
            }
        }
    }
}
