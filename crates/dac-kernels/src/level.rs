//! Which instruction set the kernels use.

use crate::KernelError;
use std::{fmt, str::FromStr};

/// An instruction set for which this crate has kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CpuLevel {
    /// Plain Rust, on every target.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
    /// aarch64 with NEON.
    Neon,
}

impl CpuLevel {
    /// The best level of the processor this runs on.
    pub fn detect() -> Self {
        [Self::Avx512, Self::Avx2, Self::Neon]
            .into_iter()
            .find(|l| l.is_available())
            .unwrap_or(Self::Portable)
    }

    /// The level named by the environment variable `DAC_CPU`, else [`CpuLevel::detect`].
    ///
    /// # Errors
    /// [`KernelError::UnknownLevel`] for a name that is none, [`KernelError::LevelMissing`] where the
    /// processor lacks the level.
    pub fn from_env() -> Result<Self, KernelError> {
        match std::env::var("DAC_CPU") {
            Ok(name) if !name.trim().is_empty() => Self::from_name(&name),
            _ => Ok(Self::detect()),
        }
    }

    /// The level of that name, if the processor has it; what [`CpuLevel::from_env`] does with its text.
    ///
    /// # Errors
    /// As [`CpuLevel::from_env`].
    pub fn from_name(name: &str) -> Result<Self, KernelError> {
        let level: Self = name.parse()?;
        if level.is_available() { Ok(level) } else { Err(KernelError::LevelMissing { level }) }
    }

    /// Whether this processor has the level.
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
            #[allow(unreachable_patterns)]
            _ => false,
        }
    }

    /// Every level of this processor, the plainest first.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512, Self::Neon]
            .into_iter()
            .filter(|l| l.is_available())
            .collect()
    }
}

impl fmt::Display for CpuLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        })
    }
}

impl FromStr for CpuLevel {
    type Err = KernelError;

    fn from_str(s: &str) -> Result<Self, KernelError> {
        match s.trim().to_ascii_lowercase().as_str() {
            "portable" => Ok(Self::Portable),
            "avx2" => Ok(Self::Avx2),
            "avx512" => Ok(Self::Avx512),
            "neon" => Ok(Self::Neon),
            _ => Err(KernelError::UnknownLevel { found: s.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_the_best_level_is_there() {
        for level in [CpuLevel::Portable, CpuLevel::Avx2, CpuLevel::Avx512, CpuLevel::Neon] {
            assert_eq!(level.to_string().parse::<CpuLevel>(), Ok(level));
        }
        assert!(matches!("sse9".parse::<CpuLevel>(), Err(KernelError::UnknownLevel { .. })));
        assert!(CpuLevel::detect().is_available());
        assert_eq!(CpuLevel::from_name(" Portable "), Ok(CpuLevel::Portable));
        assert!(CpuLevel::available().contains(&CpuLevel::detect()));
    }
}
