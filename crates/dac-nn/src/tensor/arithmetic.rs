//! The arithmetic of matrix products and convolutions on burn tensors.

use burn::tensor::{FloatDType, Tensor};

/// The type in which convolutions compute. Snakes and sums, and all inputs and outputs, are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// Products of this type.
    Plain(FloatDType),
    /// f32 as three products of parts of 11 significant bits, which TF32 holds exactly: for devices that
    /// round the factors of f32 products to TF32. The error of a factor is 2^-22 of its value.
    Split,
}

impl Arithmetic {
    /// f32 as the device computes it.
    pub const F32: Self = Self::Plain(FloatDType::F32);

    /// Converts a tensor to a factor of products.
    pub fn factor<const D: usize>(self, tensor: Tensor<D>) -> Factor<D> {
        match self {
            Self::Plain(dtype) => Factor { high: tensor.cast(dtype), low: None },
            Self::Split => {
                // f16 has the significand of TF32; values beyond its range are left to the low part.
                let range = f64::from(F16_MAX);
                let high = tensor.clone().clamp(-range, range).cast(FloatDType::F16).cast(FloatDType::F32);
                Factor { low: Some(tensor - high.clone()), high }
            }
        }
    }
}

/// The largest finite f16.
const F16_MAX: f32 = 65504.0;

/// A factor of matrix products or convolutions, in the type in which they compute.
#[derive(Debug, Clone)]
pub struct Factor<const D: usize> {
    high: Tensor<D>,
    low: Option<Tensor<D>>,
}

impl<const D: usize> Factor<D> {
    /// Computes a product that is linear in both factors, in f32.
    pub fn product<const E: usize>(
        &self,
        other: &Factor<E>,
        product: impl Fn(Tensor<D>, Tensor<E>) -> Tensor<D>,
    ) -> Tensor<D> {
        let high = product(self.high.clone(), other.high.clone());
        match (&self.low, &other.low) {
            (Some(low), Some(other_low)) => {
                let small = product(low.clone(), other.high.clone());
                high + (small + product(self.high.clone(), other_low.clone()))
            }
            _ => high.cast(FloatDType::F32),
        }
    }

    /// Applies a change of shape or a selection.
    pub fn map<const E: usize>(self, change: impl Fn(Tensor<D>) -> Tensor<E>) -> Factor<E> {
        Factor { high: change(self.high), low: self.low.map(change) }
    }
}
