//! The instruction sets and the choice between them.

use crate::{KernelError, UnknownName};
use std::{fmt, str::FromStr};

/// An instruction set for which this crate has kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// Plain Rust, on every target.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
    /// aarch64 with NEON.
    Neon,
    /// WebAssembly with SIMD128.
    Simd128,
    /// WebAssembly with SIMD128 and the multiply-adds of relaxed SIMD.
    RelaxedSimd,
}

impl Isa {
    /// All instruction sets; those of one architecture from slow to fast.
    const ALL: [Self; 6] =
        [Self::Portable, Self::Avx2, Self::Avx512, Self::Neon, Self::Simd128, Self::RelaxedSimd];

    /// Returns the fastest instruction set that this processor supports.
    pub fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// Returns the instruction set named by the environment variable `DAC_CPU`, or [`Isa::detect`] without
    /// it.
    ///
    /// # Errors
    /// [`KernelError::UnknownName`] for an unknown name, [`KernelError::IsaUnavailable`] if the processor
    /// does not support the instruction set.
    pub fn from_env() -> Result<Self, KernelError> {
        match std::env::var("DAC_CPU") {
            Ok(name) if !name.trim().is_empty() => name.parse::<Self>()?.if_available(),
            _ => Ok(Self::detect()),
        }
    }

    /// Returns the instruction set if the processor supports it.
    pub(crate) fn if_available(self) -> Result<Self, KernelError> {
        if self.is_available() { Ok(self) } else { Err(KernelError::IsaUnavailable { isa: self.name() }) }
    }

    /// Returns the lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
            Self::Simd128 => "simd128",
            Self::RelaxedSimd => "relaxed-simd",
        }
    }

    /// Reports whether this processor supports the instruction set.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && Self::Avx2.is_available()
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            // An engine refuses a module with unknown instructions: what was compiled is available.
            Self::Simd128 => cfg!(all(target_arch = "wasm32", target_feature = "simd128")),
            Self::RelaxedSimd => cfg!(all(target_arch = "wasm32", target_feature = "relaxed-simd")),
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// Returns every instruction set that this processor supports, from slow to fast.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Isa {
    type Err = UnknownName;

    /// Ignores case and surrounding whitespace.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let expected = crate::name_list(&Self::ALL.map(Self::name));
        let unknown = UnknownName { what: "instruction set", found: text.to_owned(), expected };
        Self::ALL.into_iter().find(|isa| isa.name().eq_ignore_ascii_case(text.trim())).ok_or(unknown)
    }
}
