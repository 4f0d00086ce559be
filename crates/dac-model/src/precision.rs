//! How exactly the network computes.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A precision that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("unknown precision '{found}', expected f32, exact, bf16 or f16")]
pub struct UnknownPrecision {
    /// What was asked for.
    pub found: String,
}

/// Precision of the convolutions; samples, latents and the quantizer are f32 in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Precision {
    /// f32; the CPU engine filters minimally (Toom–Cook) where that saves multiplications, and on CUDA burn may round factors to TF32.
    #[default]
    F32,
    /// f32, direct convolutions only.
    Exact,
    /// Products of bf16 summed in f32, where the device has them.
    Bf16,
    /// f16, where the device has it.
    F16,
}

impl Precision {
    /// The CPU engine's name for it; `None` where it has none.
    pub(crate) fn on_engine(self) -> Option<dac_kernels::Precision> {
        match self {
            Self::F32 => Some(dac_kernels::Precision::F32),
            Self::Exact => Some(dac_kernels::Precision::Exact),
            Self::Bf16 => Some(dac_kernels::Precision::Bf16),
            Self::F16 => None,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Exact => "exact",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, UnknownPrecision> {
        let all = [Self::F32, Self::Exact, Self::Bf16, Self::F16];
        all.into_iter()
            .find(|p| p.to_string() == text)
            .ok_or_else(|| UnknownPrecision { found: text.to_owned() })
    }
}
