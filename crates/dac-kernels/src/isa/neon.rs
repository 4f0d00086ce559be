//! NEON: 4 lanes, register tiles of 12 × 8.

use super::simd::{Simd, impl_simd};
use std::arch::aarch64::*;

#[derive(Clone, Copy)]
pub(super) struct Neon(float32x4_t);

impl_simd! {
    Neon(float32x4_t), lanes 4;
    splat(x) = vdupq_n_f32(x);
    load(p) = vld1q_f32(p);
    store(v, p) = vst1q_f32(p, v);
    sum(v) = vaddvq_f32(v);
    prefetch_l1(_) = ();
    prefetch_l2(_) = ();
    add(a, b) = vaddq_f32(a, b);
    sub(a, b) = vsubq_f32(a, b);
    mul(a, b) = vmulq_f32(a, b);
    mul_add(a, b, c) = vfmaq_f32(c, a, b);
    neg_mul_add(a, b, c) = vfmsq_f32(c, a, b);
    min(a, b) = vminnmq_f32(a, b);
    select_less(x, y, a, b) = vbslq_f32(vcltq_f32(x, y), a, b);
    round(v) = vrndnq_f32(v);
}

super::kernels!(Neon, "neon", rows 12, 8, 4, vectors 2);
