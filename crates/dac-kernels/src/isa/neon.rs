//! NEON: 4 lanes, register tiles of 12 × 8.

use super::simd::Simd;
use std::arch::aarch64::*;

#[derive(Clone, Copy)]
pub(super) struct Neon(float32x4_t);

impl Simd for Neon {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller vouches for NEON.
        unsafe { Self(vdupq_n_f32(x)) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller vouches for NEON and for 4 values at `p`.
        unsafe { Self(vld1q_f32(p)) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller vouches for NEON and for room for 4 values at `p`.
        unsafe { vst1q_f32(p, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        // SAFETY: the caller vouches for NEON.
        unsafe { Self(vaddq_f32(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        // SAFETY: the caller vouches for NEON.
        unsafe { Self(vsubq_f32(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        // SAFETY: the caller vouches for NEON.
        unsafe { Self(vmulq_f32(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, o: Self, c: Self) -> Self {
        // SAFETY: the caller vouches for NEON.
        unsafe { Self(vfmaq_f32(c.0, self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn neg_mul_add(self, o: Self, c: Self) -> Self {
        // SAFETY: the caller vouches for NEON.
        unsafe { Self(vfmsq_f32(c.0, self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        // SAFETY: the caller vouches for NEON.
        unsafe { Self(vminnmq_f32(self.0, o.0)) }
    }
    #[inline(always)]
    unsafe fn where_less(self, o: Self, a: Self, b: Self) -> Self {
        // SAFETY: the caller vouches for NEON.
        unsafe { Self(vbslq_f32(vcltq_f32(self.0, o.0), a.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // SAFETY: the caller vouches for NEON.
        unsafe { Self(vrndnq_f32(self.0)) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: the caller vouches for NEON.
        unsafe { vaddvq_f32(self.0) }
    }
    #[inline(always)]
    fn prefetch(_: *const f32) {}
    #[inline(always)]
    fn prefetch_near(_: *const f32) {}
}

super::kernels!(Neon, "neon", rows 12, 8, 4, vectors 2);
