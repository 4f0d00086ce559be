//! Plain Rust: 4 lanes that any compiler can keep in a register, register tiles of 4 × 8.

use super::simd::Simd;

#[derive(Clone, Copy)]
pub(super) struct Portable(pub(super) [f32; 4]);

impl Portable {
    #[inline(always)]
    fn zip(self, o: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let (a, b) = (self.0, o.0);
        Self([f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])])
    }
}

impl Simd for Portable {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 4])
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller guarantees 4 readable values; `[f32; 4]` has the alignment of `f32`.
        unsafe { Self(*p.cast::<[f32; 4]>()) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller guarantees room for 4 values; `[f32; 4]` has the alignment of `f32`.
        unsafe { *p.cast::<[f32; 4]>() = self.0 }
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        self.zip(o, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        self.zip(o, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        self.zip(o, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn mul_add(self, o: Self, c: Self) -> Self {
        // `f32::mul_add` is a slow library call on targets without the instruction, so this rounds twice.
        self.zip(o, |a, b| a * b).zip(c, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn neg_mul_add(self, o: Self, c: Self) -> Self {
        c.zip(self.zip(o, |a, b| a * b), |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        self.zip(o, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn select_less(self, o: Self, a: Self, b: Self) -> Self {
        let pick = |i: usize| if self.0[i] < o.0[i] { a.0[i] } else { b.0[i] };
        Self([pick(0), pick(1), pick(2), pick(3)])
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        // Adding and subtracting 1.5 · 2^23 rounds to nearest for |x| < 2^22; the snake clamps larger values.
        const MAGIC: f32 = 12_582_912.0;
        self.zip(self, |a, _| (a + MAGIC) - MAGIC)
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        (self.0[0] + self.0[2]) + (self.0[1] + self.0[3])
    }
    #[inline(always)]
    fn prefetch_l1(_: *const f32) {}
    #[inline(always)]
    fn prefetch_l2(_: *const f32) {}
}

super::kernels!(Portable, "", rows 4, 2, 1, vectors 2);
