//! The kernels, written once over vector registers and compiled for each instruction set.
//!
//! This is the only place with unsafe code. The generic kernels check the lengths of their slices, then work on
//! pointers; [`Kernels::for_level`] hands out a table only where the processor has its instruction set.
#![allow(unsafe_code)]

mod gemm;
mod nearest;
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
    pub(crate) gemm: fn(Gemm<'_>),
    pub(crate) forward: fn(Forward<'_>),
    pub(crate) inverse: fn(Inverse<'_>),
    pub(crate) snake_rows: fn(SnakeRows<'_>),
    pub(crate) dots: fn(Dots<'_>),
    pub(crate) search: fn(Search<'_>),
    pub(crate) peak: fn(Peak<'_>),
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

/// Compiles every kernel for one instruction set.
macro_rules! kernels {
    ($simd:ident, $features:tt, rows $rows:literal, $mid:literal, $low:literal, vectors $vectors:literal) => {
        super::kernels!(@table $simd, $rows, $vectors,
            gemm: super::Gemm<'_> => super::gemm::gemm::<$simd, $rows, $mid, $low, $vectors>, $features;
            forward: super::Forward<'_> => super::transform::forward::<$simd>, $features;
            inverse: super::Inverse<'_> => super::transform::inverse::<$simd, $rows, $vectors>, $features;
            snake_rows: super::SnakeRows<'_> => super::pointwise::snake_rows::<$simd>, $features;
            dots: super::Dots<'_> => super::pointwise::dots::<$simd>, $features;
            search: super::Search<'_> => super::nearest::search::<$simd>, $features;
            peak: super::Peak<'_> => super::peak::peak::<$simd>, $features;
        );
    };
    (@table $simd:ident, $rows:literal, $vectors:literal,
        $($name:ident: $job:ty => $kernel:expr, $features:tt;)*) => {
        $(
            fn $name(job: $job) {
                super::kernels!(@enable $features, $job, $kernel);
                // SAFETY: the table with this function is handed out only where the processor has the
                // instruction set (`Kernels::for_level`).
                unsafe { enabled(job) }
            }
        )*
        pub(super) static KERNELS: super::Kernels = super::Kernels {
            lanes: <$simd as super::simd::Simd>::LANES,
            rows: $rows,
            columns: $vectors * <$simd as super::simd::Simd>::LANES,
            $($name,)*
        };
    };
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
}
use kernels;
