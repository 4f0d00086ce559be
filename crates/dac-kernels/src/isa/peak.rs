//! The kernel that measures the peak of a core: multiply-adds on registers, without memory access.

use super::simd::Simd;

/// Number of independent chains of multiply-adds.
const CHAINS: usize = 12;

/// `repeats` rounds of multiply-adds; the results in `sums` keep the compiler from removing them.
pub(crate) struct PeakRun<'a> {
    pub(crate) repeats: usize,
    /// One value per chain.
    pub(crate) sums: &'a mut [f32; CHAINS],
}

/// # Safety
/// The processor supports the instruction set of `S`.
#[inline(always)]
pub(super) unsafe fn peak<S: Simd>(job: PeakRun<'_>) {
    // SAFETY: only arithmetic on registers.
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
