//! Vector operations that every instruction set provides to the generic kernels.

/// A vector register of `LANES` values of `f32`.
///
/// Every method is `#[inline(always)]` where it is implemented, so that it is compiled inside a function that
/// enables the instruction set.
///
/// # Safety
/// The unsafe methods require that the processor supports the instruction set. `load` and `store` also
/// require that `LANES` values at `p` are readable or writable.
pub(super) trait Simd: Copy {
    const LANES: usize;

    /// Returns `LANES`, as the number of columns of a chunk in the loop of the matrix product. The loop is
    /// unrolled if the compiler knows this number.
    #[inline(always)]
    fn columns() -> usize {
        Self::LANES
    }

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(p: *const f32) -> Self;
    unsafe fn store(self, p: *mut f32);
    unsafe fn add(self, o: Self) -> Self;
    unsafe fn sub(self, o: Self) -> Self;
    unsafe fn mul(self, o: Self) -> Self;
    /// `self · o + c`
    unsafe fn mul_add(self, o: Self, c: Self) -> Self;
    /// `c − self · o`
    unsafe fn neg_mul_add(self, o: Self, c: Self) -> Self;
    /// The smaller value; `o` if either is NaN.
    unsafe fn min(self, o: Self) -> Self;
    /// `a` where `self < o`, otherwise `b`; so `b` if either is NaN.
    unsafe fn select_less(self, o: Self, a: Self, b: Self) -> Self;
    /// Rounds to the nearest integer.
    unsafe fn round(self) -> Self;
    /// The sum of all lanes.
    unsafe fn sum(self) -> f32;
    /// Prefetches the cache line at `p` into the first-level cache; `p` may be any address.
    fn prefetch_l1(p: *const f32);
    /// Prefetches the cache line at `p` into the second-level cache; `p` may be any address.
    fn prefetch_l2(p: *const f32);
}

/// Implements [`Simd`] for a struct around a register, from one expression per method.
///
/// In the expressions, the arguments are registers of type `$register`, not the struct.
macro_rules! impl_simd {
    (
        $simd:ident($register:ty), lanes $lanes:literal;
        $(columns() = $columns:expr;)?
        splat($x:ident) = $splat:expr;
        load($load_at:ident) = $load:expr;
        store($value:ident, $store_at:ident) = $store:expr;
        sum($summed:ident) = $sum:expr;
        prefetch_l1($near:pat) = $prefetch_l1:expr;
        prefetch_l2($far:pat) = $prefetch_l2:expr;
        $($method:ident($first:ident $(, $other:ident)*) = $result:expr;)*
    ) => {
        // The expressions of the portable instruction set are safe.
        #[allow(unused_unsafe)]
        impl Simd for $simd {
            const LANES: usize = $lanes;

            $(
                #[inline(always)]
                fn columns() -> usize {
                    $columns
                }
            )?

            #[inline(always)]
            unsafe fn splat($x: f32) -> Self {
                // SAFETY: the caller guarantees the instruction set (see `Simd`).
                unsafe { Self($splat) }
            }
            #[inline(always)]
            unsafe fn load($load_at: *const f32) -> Self {
                // SAFETY: the caller guarantees the instruction set and `LANES` readable values.
                unsafe { Self($load) }
            }
            #[inline(always)]
            unsafe fn store(self, $store_at: *mut f32) {
                let $value = self.0;
                // SAFETY: the caller guarantees the instruction set and room for `LANES` values.
                unsafe { $store }
            }
            $(
                #[inline(always)]
                unsafe fn $method(self $(, $other: Self)*) -> Self {
                    let $first = self.0;
                    $(let $other = $other.0;)*
                    // SAFETY: the caller guarantees the instruction set (see `Simd`).
                    unsafe { Self($result) }
                }
            )*
            #[inline(always)]
            unsafe fn sum(self) -> f32 {
                let $summed = self.0;
                // SAFETY: the caller guarantees the instruction set (see `Simd`).
                unsafe { $sum }
            }
            #[inline(always)]
            fn prefetch_l1($near: *const f32) {
                $prefetch_l1
            }
            #[inline(always)]
            fn prefetch_l2($far: *const f32) {
                $prefetch_l2
            }
        }
    };
}
pub(super) use impl_simd;
