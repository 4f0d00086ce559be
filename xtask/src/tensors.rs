//! Arrays with three axes in safetensors files.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Error, anyhow, bail, ensure};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// Values `[a, b, c]` in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<T> {
    pub shape: [usize; 3],
    pub values: Vec<T>,
}

impl<T: Copy> Tensor<T> {
    /// Returns the value at `[a, b, c]`.
    pub fn at(&self, a: usize, b: usize, c: usize) -> T {
        self.values[(a * self.shape[1] + b) * self.shape[2] + c]
    }
}

pub struct TensorFile {
    name: String,
    bytes: Vec<u8>,
}

impl TensorFile {
    pub fn read(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| name.clone())?;
        SafeTensors::deserialize(&bytes).with_context(|| name.clone())?;
        Ok(Self { name, bytes })
    }

    fn view(&self, tensor: &str) -> Result<([usize; 3], Dtype, Vec<u8>), Error> {
        let file = SafeTensors::deserialize(&self.bytes)?;
        let view = file.tensor(tensor).with_context(|| format!("{}: {tensor}", self.name))?;
        let shape = view.shape().try_into();
        let shape = shape.map_err(|_| anyhow!("{}: {tensor} has shape {:?}", self.name, view.shape()))?;
        Ok((shape, view.dtype(), view.data().to_vec()))
    }

    pub fn floats(&self, tensor: &str) -> Result<Tensor<f32>, Error> {
        let (shape, dtype, data) = self.view(tensor)?;
        ensure!(dtype == Dtype::F32, "{}: {tensor} has type {dtype:?}, expected F32", self.name);
        let (values, _) = data.as_chunks::<4>();
        Ok(Tensor { shape, values: values.iter().map(|b| f32::from_le_bytes(*b)).collect() })
    }

    /// Returns an array of codes, stored as I64 or U16.
    pub fn codes(&self, tensor: &str) -> Result<Tensor<u16>, Error> {
        let (shape, dtype, data) = self.view(tensor)?;
        let ((pairs, _), (octets, _)) = (data.as_chunks::<2>(), data.as_chunks::<8>());
        let values: Result<Vec<u16>, _> = match dtype {
            Dtype::U16 => Ok(pairs.iter().map(|b| u16::from_le_bytes(*b)).collect()),
            Dtype::I64 => octets.iter().map(|b| u16::try_from(i64::from_le_bytes(*b))).collect(),
            other => bail!("{}: {tensor} has type {other:?}, expected U16 or I64", self.name),
        };
        Ok(Tensor { shape, values: values.with_context(|| format!("{}: {tensor}", self.name))? })
    }
}

/// Writes a token file for `dac decode`.
pub fn write_codes(path: &Path, codes: &Tensor<u16>, metadata: HashMap<String, String>) -> Result<(), Error> {
    let bytes: Vec<u8> = codes.values.iter().flat_map(|code| code.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::U16, codes.shape.to_vec(), &bytes)?;
    let file = safetensors::serialize([("codes", view)], Some(metadata))?;
    std::fs::write(path, file).with_context(|| path.display().to_string())
}
