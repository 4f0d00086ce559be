//! The two types of packed operands of the matrix products: `f32` here, `bf16` in [`super::bf16`].

use super::simd::Simd;

/// Arithmetic on *words* of 32 bits: one `f32`, or two `bf16` of adjacent channels.
///
/// Words are stored in slices of `f32` whatever their bits mean, so both types share memory and code.
///
/// # Safety
/// The unsafe methods require that the processor supports the instruction set of `S`.
pub(super) trait Operand<S: Simd> {
    /// Values per word.
    const PER_WORD: usize;
    /// The most words summed in one register before the sum is added to C.
    const MAX_CHAIN: usize;

    /// `acc + x·w`, summed in each lane over the values of its word.
    unsafe fn multiply_add(x: S, w: S, acc: S) -> S;

    /// Writes `LANES` values as `LANES / PER_WORD` words; that many words must be writable at `p`.
    unsafe fn store_words(values: S, p: *mut f32);
}

/// Words of one `f32`.
pub(super) struct F32;

impl<S: Simd> Operand<S> for F32 {
    const PER_WORD: usize = 1;
    /// The rounding error of a chain grows with the square root of its length, and the inverse Winograd
    /// transform magnifies it: chains over all of K would cost 5 to 10 dB.
    const MAX_CHAIN: usize = 128;

    #[inline(always)]
    unsafe fn multiply_add(x: S, w: S, acc: S) -> S {
        // SAFETY: same requirements as this function.
        unsafe { x.mul_add(w, acc) }
    }
    #[inline(always)]
    unsafe fn store_words(values: S, p: *mut f32) {
        // SAFETY: same requirements as this function.
        unsafe { values.store(p) }
    }
}

/// Offset in words of the values of register `at` of a packed row.
///
/// The offset counts from the row's first chunk; chunks are `chunk_stride` words apart.
#[inline(always)]
pub(super) fn packed_offset<S: Simd, W: Operand<S>>(at: usize, chunk_stride: usize) -> usize {
    at / W::PER_WORD * chunk_stride + at % W::PER_WORD * (S::LANES / W::PER_WORD)
}
