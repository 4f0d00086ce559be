//! The snake activation, and convolutions with a single output channel.

use super::simd::Simd;

/// α and 1 / (α + 1e-9) for one register of channels.
#[derive(Clone, Copy)]
pub(super) struct SnakeLanes<S> {
    alpha: S,
    inverse: S,
}

impl<S: Simd> SnakeLanes<S> {
    /// # Safety
    /// The processor supports the instruction set; `LANES` values are readable at both pointers.
    #[inline(always)]
    pub(super) unsafe fn load(alpha: *const f32, inverse: *const f32) -> Self {
        // SAFETY: same requirements as this function.
        unsafe { Self { alpha: S::load(alpha), inverse: S::load(inverse) } }
    }

    /// `x + sin²(α·x) / (α + 1e-9)`.
    ///
    /// sin² has the period π. αx is reduced to −π/2..π/2 by subtracting multiples of π, split into two
    /// constants (exact up to |αx| near 10⁶ with a fused multiply-add). A polynomial in the square of the
    /// rest gives sin² with an error below 5e-8. For larger |αx|, neighbouring `f32` values are no longer
    /// close compared with π; clamping the square keeps the result within 1/α of x.
    ///
    /// # Safety
    /// The processor supports the instruction set.
    #[inline(always)]
    pub(super) unsafe fn apply(self, x: S) -> S {
        // SAFETY: only arithmetic on registers.
        unsafe {
            let y = x.mul(self.alpha);
            let turns = y.mul(S::splat(std::f32::consts::FRAC_1_PI)).round();
            let r = turns.neg_mul_add(S::splat(PI_HIGH), y);
            let r = turns.neg_mul_add(S::splat(PI_LOW), r);
            let u = r.mul(r).min(S::splat(MAX_SQUARE));
            let mut q = S::splat(SIN_SQUARED[5]);
            for c in SIN_SQUARED[..5].iter().rev() {
                q = q.mul_add(u, S::splat(*c));
            }
            q.mul(u).mul_add(self.inverse, x)
        }
    }
}

const PI_HIGH: f32 = std::f32::consts::PI;
/// π − f32(π)
const PI_LOW: f32 = -8.742_278e-8;
/// (π/2)²
const MAX_SQUARE: f32 = 2.467_401_3;
/// sin²(r) / r² as a polynomial in r², fitted at Chebyshev nodes on 0..(π/2)².
const SIN_SQUARED: [f32; 6] =
    [1.0, -0.333_333_08, 0.044_443_18, -0.003_172_398_3, 0.000_139_349_37, -3.631_094_4e-6];

/// `dst = snake(src)`, both `[rows][width]`.
pub(crate) struct SnakeRows<'a> {
    pub(crate) src: &'a [f32],
    pub(crate) dst: &'a mut [f32],
    /// α, `[width]`; the width is a multiple of LANES.
    pub(crate) alpha: &'a [f32],
    /// 1 / (α + 1e-9), `[width]`.
    pub(crate) inverse: &'a [f32],
}

/// # Safety
/// The processor supports the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn snake_rows<S: Simd>(job: SnakeRows<'_>) {
    let width = job.alpha.len();
    assert!(width > 0 && width.is_multiple_of(S::LANES) && job.inverse.len() == width, "invalid snake width");
    let rows = job.src.chunks_exact(width).zip(job.dst.chunks_exact_mut(width));
    for (src, dst) in rows {
        let mut at = 0;
        while at < width {
            // SAFETY: `at + LANES <= width`, the length of all four slices.
            unsafe {
                let lanes = SnakeLanes::<S>::load(job.alpha.as_ptr().add(at), job.inverse.as_ptr().add(at));
                lanes.apply(S::load(src.as_ptr().add(at))).store(dst.as_mut_ptr().add(at));
            }
            at += S::LANES;
        }
    }
}

/// An undilated convolution with one output channel: `out[t] = bias + Σ_tap row[t + tap] · weight[tap]`.
pub(crate) struct SingleOutput<'a> {
    /// `[rows][width]`
    pub(crate) src: &'a [f32],
    /// A multiple of LANES.
    pub(crate) width: usize,
    /// `[taps][width]`
    pub(crate) weight: &'a [f32],
    pub(crate) bias: f32,
    pub(crate) out: &'a mut [f32],
}

/// # Safety
/// The processor supports the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn single_output<S: Simd>(job: SingleOutput<'_>) {
    let (width, length) = (job.width, job.weight.len());
    assert!(length.is_multiple_of(S::LANES), "the weight is not padded to whole registers");
    assert!(job.out.is_empty() || job.src.len() >= (job.out.len() - 1) * width + length, "too few rows");
    let (chunks, w) = (length / S::LANES, job.weight.as_ptr());
    for (t, out) in job.out.iter_mut().enumerate() {
        // SAFETY: the taps of row t are `length` adjacent values, inside `src` by the assert; chunk numbers
        // stay below `chunks` in both operands.
        unsafe {
            let row = job.src.as_ptr().add(t * width);
            let product = |at: usize, sum: S| {
                S::load(row.add(at * S::LANES)).mul_add(S::load(w.add(at * S::LANES)), sum)
            };
            let mut sums = [S::splat(0.0); 4];
            let mut at = 0;
            while at + 4 <= chunks {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = product(at + i, *sum);
                }
                at += 4;
            }
            while at < chunks {
                sums[0] = product(at, sums[0]);
                at += 1;
            }
            *out = job.bias + sums[0].add(sums[1]).add(sums[2].add(sums[3])).sum();
        }
    }
}
