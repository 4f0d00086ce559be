//! AVX2 with FMA: 8 lanes, register tiles of 6 × 16.

use super::simd::{Simd, impl_simd};
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256);

impl_simd! {
    Avx2(__m256), lanes 8;
    splat(x) = _mm256_set1_ps(x);
    load(p) = _mm256_loadu_ps(p);
    store(v, p) = _mm256_storeu_ps(p, v);
    sum(v) = {
        let half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
        _mm_cvtss_f32(_mm_add_ss(quarter, _mm_shuffle_ps::<1>(quarter, quarter)))
    };
    prefetch_l1(p) = prefetch::<_MM_HINT_T0>(p);
    prefetch_l2(p) = prefetch::<_MM_HINT_T1>(p);
    add(a, b) = _mm256_add_ps(a, b);
    sub(a, b) = _mm256_sub_ps(a, b);
    mul(a, b) = _mm256_mul_ps(a, b);
    mul_add(a, b, c) = _mm256_fmadd_ps(a, b, c);
    neg_mul_add(a, b, c) = _mm256_fnmadd_ps(a, b, c);
    min(a, b) = _mm256_min_ps(a, b);
    select_less(x, y, a, b) = _mm256_blendv_ps(b, a, _mm256_cmp_ps::<_CMP_LT_OQ>(x, y));
    round(v) = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v);
}

#[inline(always)]
pub(super) fn prefetch<const HINT: i32>(p: *const f32) {
    // SAFETY: a prefetch never faults, and every x86-64 processor supports it.
    unsafe { _mm_prefetch::<HINT>(p.cast()) }
}

super::kernels!(Avx2, "avx2,fma", rows 6, 4, 2, vectors 2);
