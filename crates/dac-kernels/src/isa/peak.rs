//! The processor's own limit: multiply-adds on registers alone.

use super::simd::Simd;

/// Chains of multiply-adds that do not wait for each other.
const CHAINS: usize = 12;

/// `repeats` rounds of multiply-adds; `sums` is overwritten so that they have to be done.
pub(crate) struct Peak<'a> {
    pub(crate) repeats: usize,
    /// One value for each chain.
    pub(crate) sums: &'a mut [f32; CHAINS],
}

impl Peak<'_> {
    /// Multiplications and additions in so many rounds.
    pub(crate) fn flops(repeats: usize, lanes: usize) -> f64 {
        2.0 * (repeats * CHAINS * lanes) as f64
    }
}

/// # Safety
/// The processor has the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn peak<S: Simd>(job: Peak<'_>) {
    // SAFETY: arithmetic on registers only.
    unsafe {
        let (a, b) = (S::splat(job.sums[0]), S::splat(job.sums[1]));
        let mut acc = [S::splat(1.0); CHAINS];
        for _ in 0..job.repeats {
            for acc in &mut acc {
                *acc = acc.mul_add(a, b);
            }
        }
        for (sum, acc) in job.sums.iter_mut().zip(acc) {
            *sum = acc.sum();
        }
    }
}
