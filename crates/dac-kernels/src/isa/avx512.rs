//! AVX-512: 16 lanes, register tiles of 12 × 32.

use super::simd::Simd;
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Avx512(pub(super) __m512);

impl Simd for Avx512 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller vouches for AVX-512 and for 16 values at `p`.
        unsafe { Self(_mm512_loadu_ps(p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller vouches for AVX-512 and for room for 16 values at `p`.
        unsafe { _mm512_storeu_ps(p, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_add_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_sub_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_mul_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, o: Self, c: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_fmadd_ps(self.0, o.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(self, o: Self, c: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_fnmadd_ps(self.0, o.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_min_ps(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn where_less(self, o: Self, a: Self, b: Self) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, o.0), b.0, a.0)) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { _mm512_reduce_add_ps(self.0) }
    }
    #[inline(always)]
    fn prefetch(p: *const f32) {
        // SAFETY: a prefetch never faults, and every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
    }
    #[inline(always)]
    fn prefetch_near(p: *const f32) {
        // SAFETY: a prefetch never faults, and every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
}

super::kernels!(Avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma", rows 12, 8, 4, vectors 2);
