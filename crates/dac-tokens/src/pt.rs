//! torch's .pt files: a bare tensor of codes or z, or a dict of both.

use std::io::{Read, Seek, Write};
use std::ops::Range;

use dac_pickle::Value;
use dac_pickle::torch::{Saved, TensorRef, TorchFile, write as write_torch};
use dac_rvq::{Array3, Codes};

use crate::arrays::{CODEBOOKS, LATENT, clamp, three_axes, to_codes};
use crate::error::TokenError;
use crate::file::TokenFile;
use crate::format::Format;

/// A tensor with its three axes.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    tensor: TensorRef,
    pub(crate) shape: [usize; 3],
}

/// An open file and the tensors that are of use.
#[derive(Debug)]
pub(crate) struct Content<R> {
    file: TorchFile<R>,
    pub(crate) codes: Option<Tensor>,
    pub(crate) z: Option<Tensor>,
    pub(crate) latents: Option<Tensor>,
}

impl<R: Read + Seek> Content<R> {
    pub(crate) fn open(reader: R) -> Result<Self, TokenError> {
        let file = TorchFile::open(reader)?;
        let root = file.root();
        let named = |name: &'static str, axis| match root.get(name).and_then(Value::as_tensor) {
            Some(tensor) => Tensor::new(tensor, name, axis).map(Some),
            None => Ok(None),
        };
        let (codes, z, latents) = match root.as_tensor() {
            Some(tensor) if tensor.dtype.is_float() => (None, Some(Tensor::new(tensor, "z", LATENT)?), None),
            Some(tensor) => (Some(Tensor::new(tensor, "codes", CODEBOOKS)?), None, None),
            None => (named("codes", CODEBOOKS)?, named("z", LATENT)?, named("latents", LATENT)?),
        };
        if codes.is_none() && z.is_none() && latents.is_none() {
            let keys = root.as_dict().map(|pairs| {
                pairs.iter().filter_map(|(key, _)| key.as_str()).take(8).collect::<Vec<_>>().join(", ")
            });
            let found = keys.unwrap_or_else(|| root.kind().to_owned());
            return Err(TokenError::NoTokens { format: Format::Pt, found });
        }
        Ok(Self { file, codes, z, latents })
    }

    pub(crate) fn read_codes(&mut self, frames: Range<usize>) -> Result<Option<Codes>, TokenError> {
        let Some(tensor) = &self.codes else { return Ok(None) };
        let (tensor, shape) = tensor.cut(frames);
        let bytes = self.file.read_tensor(&tensor)?;
        to_codes(tensor.dtype, &bytes, false, shape).map(Some)
    }

    pub(crate) fn read_z(&mut self, frames: Range<usize>) -> Result<Option<Array3>, TokenError> {
        let tensor = self.z.clone();
        self.floats(tensor, frames)
    }

    pub(crate) fn read_latents(&mut self, frames: Range<usize>) -> Result<Option<Array3>, TokenError> {
        let tensor = self.latents.clone();
        self.floats(tensor, frames)
    }

    fn floats(&mut self, tensor: Option<Tensor>, frames: Range<usize>) -> Result<Option<Array3>, TokenError> {
        let Some(tensor) = tensor else { return Ok(None) };
        let (tensor, shape) = tensor.cut(frames);
        Ok(Some(Array3::new(self.file.read_f32(&tensor)?, shape)?))
    }
}

impl Tensor {
    fn new(tensor: &TensorRef, what: &'static str, axis: &'static str) -> Result<Self, TokenError> {
        let shape = three_axes(&tensor.shape, what, axis)?;
        Ok(Self { tensor: tensor.clone(), shape })
    }

    /// The tensor and its three axes, cut to a range of frames.
    fn cut(&self, frames: Range<usize>) -> (TensorRef, [usize; 3]) {
        let [channels, middle, available] = self.shape;
        let (start, length) = clamp(&frames, available);
        let last = self.tensor.shape.len().saturating_sub(1);
        (self.tensor.clone().narrow(last, start, length), [channels, middle, length])
    }
}

/// Writes a bare LongTensor or FloatTensor, or a dict where there are several.
pub(crate) fn write<W: Write>(writer: &mut W, file: &TokenFile) -> Result<(), TokenError> {
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
