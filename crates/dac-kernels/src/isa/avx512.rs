//! AVX-512: 16 lanes, register tiles of 12 × 32.

use super::{
    avx2::prefetch,
    simd::{Simd, impl_simd},
};
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Avx512(pub(super) __m512);

impl_simd! {
    Avx512(__m512), lanes 16;
    splat(x) = _mm512_set1_ps(x);
    load(p) = _mm512_loadu_ps(p);
    store(v, p) = _mm512_storeu_ps(p, v);
    sum(v) = _mm512_reduce_add_ps(v);
    prefetch_l1(p) = prefetch::<_MM_HINT_T0>(p);
    prefetch_l2(p) = prefetch::<_MM_HINT_T1>(p);
    add(a, b) = _mm512_add_ps(a, b);
    sub(a, b) = _mm512_sub_ps(a, b);
    mul(a, b) = _mm512_mul_ps(a, b);
    mul_add(a, b, c) = _mm512_fmadd_ps(a, b, c);
    neg_mul_add(a, b, c) = _mm512_fnmadd_ps(a, b, c);
    min(a, b) = _mm512_min_ps(a, b);
    select_less(x, y, a, b) = _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, y), b, a);
    round(v) = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v);
}

super::kernels!(Avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma", rows 12, 8, 4, vectors 2);
