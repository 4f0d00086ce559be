//! What the two sides of the matrix products are made of.

use super::simd::Simd;

/// The values of the products' sides, in *words* of 32 bits: one `f32`, or two `bf16` of neighbouring channels.
///
/// Words are kept in slices of `f32` whatever their bits mean, so that both kinds share their memory and their code.
pub(super) trait Operand<S: Simd> {
    /// Values in a word.
    const PER_WORD: usize;
    /// Most words of a chain of sums in a register.
    const CHAIN: usize;

    /// `acc + x·w`, in each lane the sum over the values of its word.
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn dot(x: S, w: S, acc: S) -> S;

    /// Writes `LANES` values as `LANES / PER_WORD` words.
    /// # Safety
    /// The processor has the instruction set; so many words are writable at `p`.
    unsafe fn put(values: S, p: *mut f32);
}

/// Words of one `f32`.
pub(super) struct F32;

impl<S: Simd> Operand<S> for F32 {
    const PER_WORD: usize = 1;
    /// The rounding of a chain grows with the root of its length, and minimal filtering magnifies it: chains of
    /// all K products cost 5 to 10 dB.
    const CHAIN: usize = 128;

    #[inline(always)]
    unsafe fn dot(x: S, w: S, acc: S) -> S {
        // SAFETY: passed on to the caller.
        unsafe { x.mul_add(w, acc) }
    }
    #[inline(always)]
    unsafe fn put(values: S, p: *mut f32) {
        // SAFETY: passed on to the caller.
        unsafe { values.store(p) }
    }
}

/// Words from a packed chunk of `LANES` words' start to where the values of register `at` of a row go, when
/// `chunk_stride` words lie between chunks.
#[inline(always)]
pub(super) fn packed_at<S: Simd, W: Operand<S>>(at: usize, chunk_stride: usize) -> usize {
    at / W::PER_WORD * chunk_stride + at % W::PER_WORD * (S::LANES / W::PER_WORD)
}
