//! Numbers that a profile compares times with: the peak of a core and the work of each layer.

use crate::isa::{Isa, Kernels, PeakRun};
use std::{ops::Range, time::Instant};

/// Measures the peak of one core with the instructions of `isa`, in floating-point operations per second.
///
/// A multiply-add counts as two operations. The result is the best of 20 short runs on registers.
pub fn fma_peak(isa: Isa) -> f64 {
    const REPEATS: usize = 400_000;
    let kernels = Kernels::for_isa(isa);
    let mut best = 0.0_f64;
    for _ in 0..20 {
        let mut sums = [0.999; 12];
        let start = Instant::now();
        (kernels.peak)(PeakRun { repeats: REPEATS, sums: &mut sums });
        let seconds = start.elapsed().as_secs_f64();
        std::hint::black_box(sums);
        let flops = 2.0 * (REPEATS * sums.len() * kernels.lanes) as f64;
        best = best.max(flops / seconds.max(1e-9));
    }
    best
}

/// The work of one layer of a [`crate::Pipeline`] for a signal of a given length.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerInfo {
    /// Kind of the layer, with its channels, kernel and stride.
    pub name: String,
    /// The builder's calls that the layer implements, counted from 0: several if they are fused, none if the
    /// layer only copies rows to another stride.
    pub calls: Range<usize>,
    /// Algorithm of the convolution: `F(6,7)`, `direct`, `direct bf16`, … followed by ` + bf16` if only the
    /// pointwise convolution of a residual unit uses bf16.
    pub method: String,
    /// Multiply-adds of a direct convolution.
    pub direct_macs: f64,
    /// Multiply-adds of the algorithm without its transforms. Two of bf16 count as one, because one lane of
    /// one instruction computes both.
    pub needed_macs: f64,
}
