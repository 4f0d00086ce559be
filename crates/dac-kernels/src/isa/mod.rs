//! The kernels, written once over vector registers and compiled for each instruction set.
//!
//! This is the only place with unsafe code. The generic kernels check the lengths of their slices, then work on
//! pointers; [`Kernels::for_level`] hands out a table only where the processor has its instruction set.
#![allow(unsafe_code)]

pub(crate) mod bf16;
mod gemm;
mod nearest;
mod operand;
mod peak;
mod pointwise;
mod simd;
mod transform;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

pub(crate) use gemm::Gemm;
pub(crate) use nearest::Search;
pub(crate) use peak::Peak;
pub(crate) use pointwise::{Dots, SnakeRows};
pub(crate) use transform::{Coefficients, Forward, Inverse};

use crate::CpuLevel;

/// The kernels of one instruction set with the shape of its register tile.
pub(crate) struct Kernels {
    /// Values in a register.
    pub(crate) lanes: usize,
    /// Rows of a register tile.
    pub(crate) rows: usize,
    /// Columns of a register tile, hence of a packed panel.
    pub(crate) columns: usize,
    /// Products of `f32`.
    pub(crate) f32: Operands,
    pub(crate) snake_rows: fn(SnakeRows<'_>),
    pub(crate) dots: fn(Dots<'_>),
    pub(crate) search: fn(Search<'_>),
    pub(crate) peak: fn(Peak<'_>),
}

/// How the two sides of the products are packed and multiplied.
pub(crate) struct Operands {
    /// Values in a word of 32 bits.
    pub(crate) per_word: usize,
    pub(crate) gemm: fn(Gemm<'_>),
    pub(crate) forward: fn(Forward<'_>),
    /// Its rows go into words of these operands.
    pub(crate) inverse: fn(Inverse<'_>),
}

impl std::fmt::Debug for Operands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Operands({} a word)", self.per_word)
    }
}

impl std::fmt::Debug for Kernels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kernels({} x {})", self.rows, self.columns)
    }
}

impl Kernels {
    /// The kernels of a level, or the portable ones where the processor lacks it.
    pub(crate) fn for_level(level: CpuLevel) -> &'static Self {
        match level {
            #[cfg(target_arch = "x86_64")]
            CpuLevel::Avx512 if level.is_available() => &avx512::KERNELS,
            #[cfg(target_arch = "x86_64")]
            CpuLevel::Avx2 if level.is_available() => &avx2::KERNELS,
            #[cfg(target_arch = "aarch64")]
            CpuLevel::Neon if level.is_available() => &neon::KERNELS,
            _ => &portable::KERNELS,
        }
    }
}

/// The table of all kernels of an instruction set.
macro_rules! kernels {
    ($simd:ident, $features:tt, rows $rows:literal, $mid:literal, $low:literal, vectors $vectors:literal) => {
        pub(super) static KERNELS: super::Kernels = super::Kernels {
            lanes: <$simd as super::simd::Simd>::LANES,
            rows: $rows,
            columns: $vectors * <$simd as super::simd::Simd>::LANES,
            f32: super::operands!(
                $simd, super::operand::F32, $features, rows $rows, $mid, $low, vectors $vectors
            ),
            snake_rows: super::compiled!(
                $features,
                super::SnakeRows<'_>,
                super::pointwise::snake_rows::<$simd>
            ),
            dots: super::compiled!($features, super::Dots<'_>, super::pointwise::dots::<$simd>),
            search: super::compiled!($features, super::Search<'_>, super::nearest::search::<$simd>),
            peak: super::compiled!($features, super::Peak<'_>, super::peak::peak::<$simd>),
        };
    };
}
use kernels;

/// The kernels that read or write one kind of operands.
macro_rules! operands {
    (
        $simd:ident, $operand:ty, $features:tt,
        rows $rows:literal, $mid:literal, $low:literal, vectors $vectors:literal
    ) => {
        super::Operands {
            per_word: <$operand as super::operand::Operand<$simd>>::PER_WORD,
            gemm: super::compiled!(
                $features,
                super::Gemm<'_>,
                super::gemm::gemm::<$simd, $operand, $rows, $mid, $low, $vectors>
            ),
            forward: super::compiled!(
                $features,
                super::Forward<'_>,
                super::transform::forward::<$simd, $operand>
            ),
            inverse: super::compiled!(
                $features,
                super::Inverse<'_>,
                super::transform::inverse::<$simd, $operand, $rows, $vectors>
            ),
        }
    };
}
use operands;

/// A kernel compiled for an instruction set, as a function that anyone may call who was given it.
macro_rules! compiled {
    (@enable "", $job:ty, $kernel:expr) => {
        unsafe fn enabled(job: $job) {
            // SAFETY: plain Rust needs no instruction set.
            unsafe { $kernel(job) }
        }
    };
    (@enable $features:tt, $job:ty, $kernel:expr) => {
        #[target_feature(enable = $features)]
        unsafe fn enabled(job: $job) {
            // SAFETY: this function has the instruction set enabled, and its caller vouches for it.
            unsafe { $kernel(job) }
        }
    };
    ($features:tt, $job:ty, $kernel:expr) => {{
        super::compiled!(@enable $features, $job, $kernel);
        fn call(job: $job) {
            // SAFETY: the table with this function is handed out only where the processor has the instruction
            // set (`Kernels::for_level`, `bf16::operands`).
            unsafe { enabled(job) }
        }
        call
    }};
}
use compiled;
