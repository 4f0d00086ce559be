//! Which way of computing a convolution is taken.

use super::geometry::Geometry;
use crate::{
    PipelineOptions, Precision, Schedule,
    isa::{Kernels, Operands},
    toom::Toom,
};

/// How the rows before a convolution lie in memory, and how it is to be computed.
pub(super) struct Plan {
    pub(super) in_stride: usize,
    pub(super) toom: Toom,
    pub(super) operands: &'static Operands,
}

/// Where in the chain a convolution stands.
pub(super) struct Place {
    pub(super) in_stride: usize,
    /// Its rows in for one row of the pipeline's input.
    pub(super) rate: f64,
}

/// The largest tile that pays and that the schedule allows, else direct convolution; products of `bf16` where given and
/// fewer.
pub(super) fn choose(
    options: &PipelineOptions,
    kernels: &'static Kernels,
    bf16: Option<&'static Operands>,
    g: &Geometry,
    place: Place,
) -> Plan {
    let in_stride = place.in_stride;
    let direct = |operands| Plan { in_stride, toom: Toom::direct(), operands };
    let fits = |operands: &Operands| in_stride.is_multiple_of(kernels.lanes * operands.per_word);
    if options.precision == Precision::Exact || !fits(&kernels.f32) {
        return direct(&kernels.f32);
    }
    let weights = g.in_group * g.in_channels * g.out_group * g.out_channels;
    let outputs: &[usize] = match g.taps {
        // 12 % fewer products at 2.5 times the rounding: for the layers at a decoder's end, whose errors nothing
        // magnifies any more.
        7 if g.in_channels <= 192 && place.rate > 64.0 => &[8, 6, 4, 2],
        7 => &[6, 4, 2],
        // Larger tiles cost memory: (m + 1) / 2 of the weight.
        2 if weights <= 1 << 21 => &[5, 3],
        2 => &[3],
        3 => &[4, 2],
        _ => &[],
    };
    let allowed = |m: usize| {
        let rows = (m * g.dilation * g.in_group) as f64;
        options.schedule == Schedule::Throughput || rows <= f64::from(options.hold_rows) * place.rate
    };
    let toom = outputs.iter().filter(|&&m| allowed(m)).find_map(|&m| Toom::new(m, g.taps));
    // Minimal filtering magnifies what rounding to bf16 loses, so those products are of direct convolution only: half a
    // product for each tap.
    match (toom, bf16.filter(|operands| fits(operands))) {
        (Some(toom), Some(operands)) if g.taps * toom.coefficients.outputs < 2 * toom.points => {
            direct(operands)
        }
        (None, Some(operands)) => direct(operands),
        (Some(toom), _) => Plan { in_stride, toom, operands: &kernels.f32 },
        (None, None) => direct(&kernels.f32),
    }
}
