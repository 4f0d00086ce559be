//! WebAssembly SIMD: 4 lanes, register tiles of 4 × 8, with relaxed multiply-adds or without.
//!
//! On x86-64, V8 has 15 vector registers and keeps the order of LLVM, which lists all loads of a column
//! before its multiply-adds, and those of all columns if the loop is unrolled. A tile of 4 × 8 needs 8
//! registers for sums and 6 for one column.
//!
//! A module that contains an instruction which the engine does not know is refused as a whole. So there is no
//! detection at run time: a module is built for SIMD128, or for both.

use super::simd::{Simd, impl_simd};
use std::arch::wasm32::*;

/// Implements the vector type of one of the two instruction sets in its own module.
macro_rules! wasm_isa {
    (
        $(#[$doc:meta])* $module:ident, $simd:ident, $features:tt,
        mul_add($a:ident, $b:ident, $c:ident) = $mul_add:expr, neg_mul_add = $neg_mul_add:expr
    ) => {
        $(#[$doc])*
        pub(super) mod $module {
            use super::*;

            #[derive(Clone, Copy)]
            pub(in crate::isa) struct $simd(v128);

            impl_simd! {
                $simd(v128), lanes 4;
                // Hides the number from the compiler, which would unroll the loop.
                columns() = std::hint::black_box(4);
                splat(x) = f32x4_splat(x);
                load(p) = v128_load(p.cast());
                store(v, p) = v128_store(p.cast(), v);
                sum(v) = (f32x4_extract_lane::<0>(v) + f32x4_extract_lane::<2>(v))
                    + (f32x4_extract_lane::<1>(v) + f32x4_extract_lane::<3>(v));
                prefetch_l1(_) = ();
                prefetch_l2(_) = ();
                add(a, b) = f32x4_add(a, b);
                sub(a, b) = f32x4_sub(a, b);
                mul(a, b) = f32x4_mul(a, b);
                mul_add($a, $b, $c) = $mul_add;
                neg_mul_add($a, $b, $c) = $neg_mul_add;
                // `pmin(x, y)` is `y` where `y < x`, otherwise `x`.
                min(a, b) = f32x4_pmin(b, a);
                select_less(x, y, a, b) = v128_bitselect(a, b, f32x4_lt(x, y));
                round(v) = f32x4_nearest(v);
            }

            crate::isa::kernels!($simd, $features, rows 4, 3, 2, vectors 2);
        }
    };
}

wasm_isa! {
    /// SIMD128, where a multiply-add rounds twice.
    simd128, Simd128, "simd128",
    mul_add(a, b, c) = f32x4_add(f32x4_mul(a, b), c), neg_mul_add = f32x4_sub(c, f32x4_mul(a, b))
}

#[cfg(target_feature = "relaxed-simd")]
wasm_isa! {
    /// Relaxed SIMD, where a multiply-add rounds once on processors that have the instruction.
    relaxed, Relaxed, "simd128,relaxed-simd",
    mul_add(a, b, c) = f32x4_relaxed_madd(a, b, c), neg_mul_add = f32x4_relaxed_nmadd(a, b, c)
}
