//! The .pt format of torch: one tensor of codes or z, or a dict of tensors.

use std::io::Write;
use std::ops::Range;

use dac_pickle::Value;
use dac_pickle::torch::{Saved, TensorRef, TorchFile, write as write_torch};
use dac_rvq::Array3;

use crate::arrays::{clamp, three_axes, to_codes};
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::WriteOptions;
use crate::token_file::TokenFile;
use crate::token_format::{Capacity, Input, Opened, ReadFrames, Shapes, TokenFormat};

const NAME: &str = "pt";

pub(crate) const PT: TokenFormat =
    TokenFormat { name: NAME, matches, capacity: Capacity::AnyArrays, stores_windows: false, open, write };

fn matches(start: &[u8]) -> bool {
    // A zip archive.
    start.starts_with(b"PK\x03\x04")
}

fn open(reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let file = TorchFile::open(reader)?;
    let root = file.root();
    let named = |name: &'static str| match root.get(name).and_then(Value::as_tensor) {
        Some(tensor) => Tensor::new(tensor, name).map(Some),
        None => Ok(None),
    };
    let (codes, z, latents) = match root.as_tensor() {
        Some(tensor) if tensor.dtype.is_float() => (None, Some(Tensor::new(tensor, "z")?), None),
        Some(tensor) => (Some(Tensor::new(tensor, "codes")?), None, None),
        None => (named("codes")?, named("z")?, named("latents")?),
    };
    if codes.is_none() && z.is_none() && latents.is_none() {
        let keys = root.as_dict().map(|pairs| {
            pairs.iter().filter_map(|(key, _)| key.as_str()).take(8).collect::<Vec<_>>().join(", ")
        });
        let found = keys.unwrap_or_else(|| root.kind().to_owned());
        return Err(TokenError::NoTokens { format: NAME, found });
    }
    let shape = |tensor: &Option<Tensor>| tensor.as_ref().map(|tensor| tensor.shape);
    let shapes = Shapes { codes: shape(&codes), z: shape(&z), latents: shape(&latents) };
    let frames = Box::new(Tensors { file, codes, z, latents });
    Ok(Opened { shapes, meta: TokenMeta::default(), truncated: false, frames })
}

/// Writes a LongTensor or FloatTensor, or a dict if there are several arrays or latents.
fn write(writer: &mut dyn Write, file: &TokenFile, _: &WriteOptions) -> Result<(), TokenError> {
    let mut saved = Vec::new();
    if let Some(codes) = &file.codes {
        let wide: Vec<i64> = codes.as_slice().iter().map(|&v| v.into()).collect();
        saved.push(("codes".to_owned(), Saved::long_tensor(&wide, &codes.shape())));
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

/// The tensors of an open file.
struct Tensors<'a> {
    file: TorchFile<Input<'a>>,
    codes: Option<Tensor>,
    z: Option<Tensor>,
    latents: Option<Tensor>,
}

impl ReadFrames for Tensors<'_> {
    fn read_frames(&mut self, range: Range<usize>) -> Result<TokenFile, TokenError> {
        let mut tokens = TokenFile::default();
        if let Some(tensor) = &self.codes {
            let (tensor, shape) = tensor.narrow(&range);
            let bytes = self.file.read_tensor(&tensor)?;
            tokens.codes = Some(to_codes(tensor.dtype, &bytes, false, shape)?);
        }
        for (tensor, array) in [(&self.z, &mut tokens.z), (&self.latents, &mut tokens.latents)] {
            if let Some(tensor) = tensor {
                let (tensor, shape) = tensor.narrow(&range);
                *array = Some(Array3::new(self.file.read_f32(&tensor)?, shape)?);
            }
        }
        Ok(tokens)
    }
}

/// A tensor and its shape `[channels, codebooks or latent, frames]`.
struct Tensor {
    tensor: TensorRef,
    shape: [usize; 3],
}

impl Tensor {
    fn new(tensor: &TensorRef, array: &'static str) -> Result<Self, TokenError> {
        Ok(Self { tensor: tensor.clone(), shape: three_axes(&tensor.shape, array)? })
    }

    /// Restricts the tensor to a range of frames. Returns it and its shape.
    fn narrow(&self, frames: &Range<usize>) -> (TensorRef, [usize; 3]) {
        let [channels, middle, available] = self.shape;
        let (start, length) = clamp(frames, available);
        let last = self.tensor.shape.len().saturating_sub(1);
        (self.tensor.clone().narrow(last, start, length), [channels, middle, length])
    }
}
