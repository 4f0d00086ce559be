//! Plain Rust: 4 lanes that any compiler can keep in a register, register tiles of 4 × 8.

use super::simd::{Simd, impl_simd};

#[derive(Clone, Copy)]
pub(super) struct Portable(pub(super) [f32; 4]);

impl_simd! {
    Portable([f32; 4]), lanes 4;
    splat(x) = [x; 4];
    // `[f32; 4]` has the alignment of `f32`.
    load(p) = *p.cast::<[f32; 4]>();
    store(v, p) = *p.cast::<[f32; 4]>() = v;
    sum(v) = (v[0] + v[2]) + (v[1] + v[3]);
    prefetch_l1(_) = ();
    prefetch_l2(_) = ();
    add(a, b) = zip(a, b, |a, b| a + b);
    sub(a, b) = zip(a, b, |a, b| a - b);
    mul(a, b) = zip(a, b, |a, b| a * b);
    // `f32::mul_add` is a slow library call on targets without the instruction, so these two round twice.
    mul_add(a, b, c) = zip(zip(a, b, |a, b| a * b), c, |a, b| a + b);
    neg_mul_add(a, b, c) = zip(c, zip(a, b, |a, b| a * b), |a, b| a - b);
    min(a, b) = zip(a, b, |a, b| if a < b { a } else { b });
    select_less(x, y, a, b) = {
        let pick = |i: usize| if x[i] < y[i] { a[i] } else { b[i] };
        [pick(0), pick(1), pick(2), pick(3)]
    };
    // Adding and subtracting 1.5 · 2^23 rounds to nearest for |x| < 2^22; the snake clamps larger values.
    round(v) = zip(v, v, |x, _| (x + 12_582_912.0) - 12_582_912.0);
}

#[inline(always)]
fn zip(a: [f32; 4], b: [f32; 4], f: impl Fn(f32, f32) -> f32) -> [f32; 4] {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
}

super::kernels!(Portable, "", rows 4, 2, 1, vectors 2);
