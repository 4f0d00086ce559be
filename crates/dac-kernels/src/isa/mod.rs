//! The kernels, written once over vector registers and compiled for each instruction set.
//!
//! This directory has the only unsafe code of the workspace. The generic kernels check the lengths of their
//! slices and then work on pointers. [`Kernels::for_isa`] returns a table only if the processor supports its
//! instruction set.
#![allow(unsafe_code)]

pub(crate) mod bf16;
mod gemm;
mod level;
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
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;

pub use level::Isa;

pub(crate) use gemm::Gemm;
pub(crate) use nearest::NearestSearch;
pub(crate) use peak::PeakRun;
pub(crate) use pointwise::{SingleOutput, SnakeRows};
pub(crate) use transform::{Coefficients, ForwardTransform, InverseTransform};

/// The kernels of one instruction set and the size of its register tile.
#[derive(Debug)]
pub(crate) struct Kernels {
    /// Values in a register.
    pub(crate) lanes: usize,
    /// Rows of a register tile, and of a strip.
    pub(crate) mr: usize,
    /// Columns of a register tile, and of a panel.
    pub(crate) nr: usize,
    /// Kernels for `f32` operands.
    pub(crate) f32: OperandKernels,
    pub(crate) snake_rows: fn(SnakeRows<'_>),
    pub(crate) single_output: fn(SingleOutput<'_>),
    pub(crate) nearest: fn(NearestSearch<'_>),
    pub(crate) peak: fn(PeakRun<'_>),
}

/// The kernels that read or write packed operands of one type (`f32` or `bf16`).
#[derive(Debug)]
pub(crate) struct OperandKernels {
    /// Values per word.
    pub(crate) per_word: usize,
    pub(crate) gemm: fn(Gemm<'_>),
    pub(crate) forward: fn(ForwardTransform<'_>),
    /// Writes its rows as packed operands.
    pub(crate) inverse: fn(InverseTransform<'_>),
}

impl Kernels {
    /// Returns the kernels of an instruction set, or the portable ones if the processor does not support it.
    pub(crate) fn for_isa(isa: Isa) -> &'static Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if isa.is_available() => &avx512::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 if isa.is_available() => &avx2::KERNELS,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon if isa.is_available() => &neon::KERNELS,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => &wasm::simd128::KERNELS,
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Isa::RelaxedSimd => &wasm::relaxed::KERNELS,
            _ => &portable::KERNELS,
        }
    }
}

/// Builds the table of all kernels of an instruction set.
///
/// `rows` lists the heights of the register tile (MR) and of the two smaller ones for the last rows;
/// `vectors` is its width in registers.
macro_rules! kernels {
    ($simd:ident, $features:tt, rows $rows:literal, $mid:literal, $low:literal, vectors $vectors:literal) => {
        pub(in crate::isa) static KERNELS: crate::isa::Kernels = {
            use crate::isa::{nearest::nearest, peak::peak, pointwise::*, *};
            Kernels {
                lanes: <$simd>::LANES,
                mr: $rows,
                nr: $vectors * <$simd>::LANES,
                f32: operand_kernels!(
                    $simd, operand::F32, $features, rows $rows, $mid, $low, vectors $vectors
                ),
                snake_rows: compile!($features, SnakeRows<'_>, snake_rows::<$simd>),
                single_output: compile!($features, SingleOutput<'_>, single_output::<$simd>),
                nearest: compile!($features, NearestSearch<'_>, nearest::<$simd>),
                peak: compile!($features, PeakRun<'_>, peak::<$simd>),
            }
        };
    };
}
use kernels;

/// Builds the table of the kernels for one operand type.
macro_rules! operand_kernels {
    (
        $simd:ident, $operand:ty, $features:tt,
        rows $rows:literal, $mid:literal, $low:literal, vectors $vectors:literal
    ) => {{
        use crate::isa::{gemm::gemm, transform::*, *};
        OperandKernels {
            per_word: <$operand as operand::Operand<$simd>>::PER_WORD,
            gemm: compile!($features, Gemm<'_>, gemm::<$simd, $operand, $rows, $mid, $low, $vectors>),
            forward: compile!($features, ForwardTransform<'_>, forward::<$simd, $operand>),
            inverse: compile!($features, InverseTransform<'_>, inverse::<$simd, $operand, $rows, $vectors>),
        }
    }};
}
use operand_kernels;

/// Compiles a generic kernel for an instruction set and returns it as a safe function pointer.
macro_rules! compile {
    (@enable "", $job:ty, $kernel:expr) => {
        unsafe fn enabled(job: $job) {
            // SAFETY: plain Rust needs no instruction set.
            unsafe { $kernel(job) }
        }
    };
    (@enable $features:tt, $job:ty, $kernel:expr) => {
        #[target_feature(enable = $features)]
        unsafe fn enabled(job: $job) {
            // SAFETY: this function enables the instruction set, and its caller guarantees that the processor
            // supports it.
            unsafe { $kernel(job) }
        }
    };
    ($features:tt, $job:ty, $kernel:expr) => {{
        crate::isa::compile!(@enable $features, $job, $kernel);
        fn call(job: $job) {
            // SAFETY: `Kernels::for_isa` and `bf16::operand_kernels` return the table with this function only
            // if the processor supports the instruction set.
            unsafe { enabled(job) }
        }
        call
    }};
}
use compile;
