//! The .pt format of torch: one tensor of codes or z, or a dict of tensors.

use std::io::Write;

use dac_pickle::torch::{Saved, TensorRef, TorchFile, write as write_torch};
use dac_pickle::{DType, Value};

use crate::arrays::{CODES, Elements, StoredArray, check_type, three_axes, write_codes};
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::{IntegerType, WriteOptions};
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Capacity, Input, Opened, TokenFormat};

const NAME: &str = "pt";

pub(crate) const PT: TokenFormat = TokenFormat {
    name: NAME,
    // The signature of zip archives.
    matches: |start| start.starts_with(b"PK\x03\x04"),
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
    let named = |name: &'static str| match root.get(name).and_then(Value::as_tensor) {
        Some(tensor) => Tensor::new(tensor, name).map(Some),
        None => Ok(None),
    };
    let (codes, z, latents) = match root.as_tensor() {
        Some(tensor) if tensor.dtype.is_float() => (None, Some(Tensor::new(tensor, "z")?), None),
        Some(tensor) => (Some(Tensor::new(tensor, CODES)?), None, None),
        None => (named(CODES)?, named("z")?, named("latents")?),
    };
    let arrays = Arrays { codes, z, latents };
    if arrays.is_empty() {
        let keys = root.as_dict().map(|pairs| {
            pairs.iter().filter_map(|(key, _)| key.as_str()).take(8).collect::<Vec<_>>().join(", ")
        });
        let found = keys.unwrap_or_else(|| root.kind().to_owned());
        return Err(TokenError::NoTokens { format: NAME, found });
    }
    Ok(arrays.open(file, TokenMeta::default()))
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

/// A tensor and its shape `[channels, codebooks or latent, frames]`.
struct Tensor {
    tensor: TensorRef,
    shape: [usize; 3],
}

impl Tensor {
    fn new(tensor: &TensorRef, array: &'static str) -> Result<Self, TokenError> {
        check_type(tensor.dtype, array)?;
        Ok(Self { tensor: tensor.clone(), shape: three_axes(&tensor.shape, array)? })
    }
}

impl<'a> StoredArray<TorchFile<Input<'a>>> for Tensor {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn dtype(&self) -> DType {
        self.tensor.dtype
    }

    fn read(
        &self,
        file: &mut TorchFile<Input<'a>>,
        start: usize,
        shape: [usize; 3],
    ) -> Result<Elements, TokenError> {
        let last = self.tensor.shape.len().saturating_sub(1);
        let bytes = file.read_tensor(&self.tensor.clone().narrow(last, start, shape[2]))?;
        Ok(Elements { dtype: self.tensor.dtype, big_endian: false, bytes, shape })
    }
}
