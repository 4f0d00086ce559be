//! References to torch tensors.

use std::sync::Arc;

use crate::dtype::DType;
use crate::strided::element_count;

/// A tensor whose elements are still in the file;
/// [`TorchFile::read_tensor`](crate::torch::TorchFile::read_tensor) reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TensorRef {
    /// Element type.
    pub dtype: DType,
    /// Length of each axis; empty for a single value.
    pub shape: Vec<usize>,
    /// Step along each axis, in elements of the storage.
    pub strides: Vec<usize>,
    /// Position of the first element in the storage, in elements.
    pub offset: usize,
    /// Key of the storage, which is the entry `NAME/data/KEY` of the zip file.
    pub storage: Arc<str>,
    /// Declared size of the storage, in bytes.
    pub storage_bytes: u64,
}

impl TensorRef {
    /// Number of elements; `usize::MAX` if it overflows.
    pub fn elements(&self) -> usize {
        element_count(&self.shape).unwrap_or(usize::MAX)
    }

    /// Returns the tensor with every axis along which it repeats its elements (a stride of 0) reduced to one
    /// position.
    pub(crate) fn without_repetition(&self) -> Self {
        let axes = self.shape.iter().zip(&self.strides);
        let shape = axes.map(|(&d, &stride)| if stride == 0 { d.min(1) } else { d }).collect();
        Self { shape, ..self.clone() }
    }

    /// Limits the tensor to `length` positions from `start` along `axis`, or to those of them that exist.
    #[must_use]
    pub fn narrow(mut self, axis: usize, start: usize, length: usize) -> Self {
        if let (Some(d), Some(&stride)) = (self.shape.get_mut(axis), self.strides.get(axis)) {
            let start = start.min(*d);
            *d = length.min(*d - start);
            self.offset = self.offset.saturating_add(start.saturating_mul(stride));
        }
        self
    }
}
