//! The few vector operations that every instruction set gives to the generic kernels.

/// A register of `LANES` values of `f32`.
///
/// All functions are marked `#[inline(always)]` where they are implemented, so that they end up inside a
/// function that enables the instruction set.
pub(super) trait Simd: Copy {
    const LANES: usize;

    /// # Safety
    /// The processor has the instruction set.
    unsafe fn splat(x: f32) -> Self;
    /// # Safety
    /// The processor has the instruction set; `LANES` values are readable at `p`.
    unsafe fn load(p: *const f32) -> Self;
    /// # Safety
    /// The processor has the instruction set; `LANES` values are writable at `p`.
    unsafe fn store(self, p: *mut f32);
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn add(self, o: Self) -> Self;
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn sub(self, o: Self) -> Self;
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn mul(self, o: Self) -> Self;
    /// `self · o + c`
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn mul_add(self, o: Self, c: Self) -> Self;
    /// `c − self · o`
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn neg_mul_add(self, o: Self, c: Self) -> Self;
    /// The smaller value; `o` where either is NaN.
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn min(self, o: Self) -> Self;
    /// `a` where `self < o`, else `b`; so `b` where either is NaN.
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn where_less(self, o: Self, a: Self, b: Self) -> Self;
    /// To the nearest whole number.
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn round(self) -> Self;
    /// The sum of the lanes.
    /// # Safety
    /// The processor has the instruction set.
    unsafe fn sum(self) -> f32;
    /// Asks for the cache line at `p` in the second-level cache; any address will do.
    fn prefetch(p: *const f32);
    /// Asks for the cache line at `p` in the first-level cache; any address will do.
    fn prefetch_near(p: *const f32);
}
