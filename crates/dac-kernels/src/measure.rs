//! What measurements of the kernels are held against.

use crate::{
    CpuLevel,
    isa::{Kernels, Peak},
};
use std::{ops::Range, time::Instant};

/// The most floating-point operations a second (a multiply-add counts as two) that one core gave in several
/// short runs of multiply-adds on registers, with the instructions of `level`.
pub fn fma_peak(level: CpuLevel) -> f64 {
    const REPEATS: usize = 400_000;
    let kernels = Kernels::for_level(level);
    let mut best = 0.0_f64;
    for _ in 0..20 {
        let mut sums = [0.999; 12];
        let start = Instant::now();
        (kernels.peak)(Peak { repeats: REPEATS, sums: &mut sums });
        let seconds = start.elapsed().as_secs_f64();
        std::hint::black_box(sums);
        best = best.max(Peak::flops(REPEATS, kernels.lanes) / seconds.max(1e-9));
    }
    best
}

/// What a layer of a [`crate::Pipeline`] does for a signal of some length.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerInfo {
    /// Which layer, with its channels, kernel and stride.
    pub name: String,
    /// Which of the builder's calls it carries out, counted from 0: more than one where they are fused, none where rows are
    /// only copied to another stride.
    pub calls: Range<usize>,
    /// How its convolution is computed: `F(6,7)`, `direct`, `direct bf16`, …; behind a `+`, the pointwise one of a residual
    /// unit where it differs.
    pub method: String,
    /// Multiply-adds of direct convolution.
    pub direct_macs: f64,
    /// Multiply-adds of the method, without its transforms; two of bf16 count as one, as they are one lane of one
    /// instruction.
    pub needed_macs: f64,
}
