//! The choice of the algorithm for a convolution.

use super::geometry::Geometry;
use crate::{
    PipelineOptions, Precision, Schedule,
    isa::{Kernels, OperandKernels},
    winograd::Winograd,
};

/// Multiply-adds that take as long as reading one weight from memory.
const MACS_PER_WEIGHT_READ: usize = 32;

/// Chooses the algorithm of a convolution: with [`Schedule::Throughput`] the largest Winograd tile that saves
/// time, with [`Schedule::LowLatency`] the one that takes the least time for a typical push. `rate` is the
/// rows in of the convolution per row in of the pipeline.
///
/// The products are of `bf16` if given and if that needs fewer of them.
pub(super) fn choose(
    options: &PipelineOptions,
    kernels: &'static Kernels,
    bf16: Option<&'static OperandKernels>,
    g: &Geometry,
    in_stride: usize,
    rate: f64,
) -> (Winograd, &'static OperandKernels) {
    let direct = |operands| (Winograd::direct(), operands);
    let fits = |operands: &OperandKernels| in_stride.is_multiple_of(kernels.lanes * operands.per_word);
    if options.precision == Precision::Exact || !fits(&kernels.f32) {
        return direct(&kernels.f32);
    }
    let weights = g.in_group * g.in_channels * g.out_group * g.out_channels;
    let outputs: &[usize] = match g.taps {
        // F(8,7) needs 12 % fewer products than F(6,7), but has 2.5 times its rounding error. It is used only
        // at the end of a decoder, where no later layer magnifies the error.
        7 if g.in_channels <= 192 && rate > 64.0 => &[8, 6, 4, 2],
        7 => &[6, 4, 2],
        // Larger tiles cost memory: the transformed weight is (m + 1) / 2 times as large.
        2 if weights <= 1 << 21 => &[5, 3],
        2 => &[3],
        3 => &[4, 2],
        _ => &[],
    };
    let mut candidates = outputs.iter().filter_map(|&m| Winograd::new(m, g.taps));
    let winograd = match options.schedule {
        Schedule::Throughput => candidates.next(),
        Schedule::LowLatency => {
            let groups = ((options.block_rows as f64 * rate) as usize / g.in_group).max(1);
            let all = candidates.chain([Winograd::direct()]);
            all.min_by_key(|winograd| push_cost(winograd, g, groups)).filter(|best| !best.is_direct())
        }
    };
    // Winograd transforms magnify the rounding to bf16, so bf16 is used only for direct convolution. It needs
    // half a product per tap.
    match (winograd, bf16.filter(|operands| fits(operands))) {
        (Some(winograd), Some(operands)) if g.taps * winograd.coefficients.outputs < 2 * winograd.points => {
            direct(operands)
        }
        (None, Some(operands)) => direct(operands),
        (Some(winograd), _) => (winograd, &kernels.f32),
        (None, None) => direct(&kernels.f32),
    }
}

/// Returns the time of computing `groups` groups out at once, in multiply-adds per pair of channels.
fn push_cost(winograd: &Winograd, g: &Geometry, groups: usize) -> usize {
    let (tiles, products) = if winograd.is_direct() {
        (groups, g.taps)
    } else {
        let span = winograd.coefficients.outputs * g.dilation;
        (groups / span * g.dilation + (groups % span).min(g.dilation), winograd.points)
    };
    products * (tiles + MACS_PER_WEIGHT_READ)
}
