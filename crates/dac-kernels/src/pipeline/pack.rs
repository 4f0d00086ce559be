//! Weights into the order in which the kernels read them.

use super::{
    geometry::Geometry,
    layer::{HEAVY, Kind, Layer, Snake, Tail, Wide},
    plan::Plan,
};
use crate::{
    buffer::Aligned,
    isa::{Kernels, Operands, bf16},
};
use rayon::prelude::*;
use std::ops::Range;

/// Reads a layer's weight at (in, out, tap).
pub(super) trait Weights: Fn(usize, usize, usize) -> f32 + Sync {}
impl<T: Fn(usize, usize, usize) -> f32 + Sync> Weights for T {}

pub(super) fn snake(alpha: &[f32], stride: usize) -> Snake {
    let (mut a, mut inverse) = (Aligned::zeros(stride), Aligned::zeros(stride));
    a.at_least(stride)[..alpha.len()].copy_from_slice(alpha);
    let inverses = inverse.at_least(stride).iter_mut();
    inverses.zip(alpha).for_each(|(i, &a)| *i = (1.0 / (f64::from(a) + 1e-9)) as f32);
    Snake { alpha: a, inverse, width: stride }
}

/// `bias` once for each row of a group, at the row stride.
fn group_bias(bias: &[f32], rows: usize, stride: usize) -> Aligned {
    let mut packed = Aligned::zeros(rows * stride);
    for row in packed.at_least(rows * stride).chunks_exact_mut(stride) {
        row[..bias.len()].copy_from_slice(bias);
    }
    packed
}

/// A row of the products' right side.
struct Row<'a> {
    operands: &'a Operands,
    at: usize,
}

impl Row<'_> {
    /// Writes the row's values into their words, `[words][NR]`.
    fn set(self, packed: &mut [f32], nr: usize, values: impl Iterator<Item = f64>) {
        let Self { operands: Operands { per_word, .. }, at } = self;
        let words = packed[at / per_word * nr..][..nr].iter_mut();
        match per_word {
            1 => words.zip(values).for_each(|(word, v)| *word = v as f32),
            _ => words.zip(values).for_each(|(word, v)| *word = bf16::with_half(*word, at % 2, v as f32)),
        }
    }
}

/// Packs a convolution whose rows out have a whole number of panels.
pub(super) fn wide(kernels: &Kernels, g: &Geometry, plan: Plan, at: &impl Weights, bias: &[f32]) -> Kind {
    let Plan { in_stride, toom, operands } = plan;
    let nr = kernels.columns;
    let out_stride = g.out_channels.next_multiple_of(nr);
    let direct = toom.is_direct();
    let narrow = !in_stride.is_multiple_of(kernels.lanes);
    let width = g.in_group * in_stride;
    let inputs = if direct { g.taps } else { toom.points };
    // Direct convolution lays its taps side by side in one product.
    let sides = if direct { g.taps } else { 1 };
    let depth = (sides * width).div_ceil(operands.per_word).next_multiple_of(kernels.lanes);
    let panels = g.out_group * out_stride / nr;
    let panel = toom.points * depth * nr;
    let mut weight = Aligned::zeros(panels * panel);
    weight.at_least(panels * panel).par_chunks_mut(panel).enumerate().for_each(|(index, packed)| {
        let (row_out, first) = (index * nr / out_stride, index * nr % out_stride);
        let columns = nr.min(g.out_channels.saturating_sub(first));
        let mut taps = vec![0.0_f64; g.taps * nr];
        for row_in in 0..g.in_group {
            for i in 0..g.in_channels {
                let position = row_in * in_stride + i;
                for tap in 0..g.taps {
                    let column = &mut taps[tap * nr..][..columns];
                    match g.kernel_tap(tap, row_in, row_out) {
                        Some(k) => {
                            column.iter_mut().enumerate().for_each(|(c, v)| *v = at(i, first + c, k).into());
                        }
                        None => column.fill(0.0),
                    }
                }
                if direct {
                    for (tap, taps) in taps.chunks_exact(nr).enumerate() {
                        let row = Row { operands, at: tap * width + position };
                        row.set(packed, nr, taps.iter().copied());
                    }
                    continue;
                }
                for (point, factors) in toom.weight.chunks_exact(g.taps).enumerate() {
                    let mut sums = [0.0_f64; 64];
                    for (factor, taps) in factors.iter().zip(taps.chunks_exact(nr)) {
                        sums.iter_mut().zip(taps).for_each(|(s, t)| *s += factor * t);
                    }
                    let row = Row { operands, at: position };
                    row.set(&mut packed[point * depth * nr..], nr, sums.into_iter());
                }
            }
        }
    });
    let bias = group_bias(bias, g.out_group, out_stride);
    // Left sides that exceed the second-level cache are read once for this many panels.
    let group = if panels * panel > HEAVY { 24.min(panels) } else { 1 };
    Kind::Wide(Box::new(Wide {
        toom,
        inputs,
        operands,
        depth,
        narrow,
        weight,
        bias,
        panels,
        group,
        tail: None,
    }))
}

/// Packs the second half of a residual unit.
pub(super) fn tail(
    kernels: &Kernels,
    operands: &'static Operands,
    alpha: &[f32],
    weight: &[f32],
    bias: &[f32],
    offset: usize,
) -> Tail {
    let (nr, channels) = (kernels.columns, bias.len());
    let stride = channels.next_multiple_of(nr);
    let words = stride / operands.per_word;
    let mut packed = Aligned::zeros(words * stride);
    packed.at_least(words * stride).par_chunks_mut(words * nr).enumerate().for_each(|(index, panel)| {
        let first = index * nr;
        let columns = first..channels.min(first + nr);
        for i in 0..channels {
            let column = columns.clone().map(|c| weight[c * channels + i].into());
            Row { operands, at: i }.set(panel, nr, column);
        }
    });
    Tail { snake: snake(alpha, stride), operands, weight: packed, bias: group_bias(bias, 1, stride), offset }
}

/// Packs a convolution with a single channel out.
pub(super) fn dots(g: &Geometry, in_stride: usize, at: &impl Weights, bias: f32) -> Kind {
    let mut weight = Aligned::zeros(g.taps * in_stride);
    for (tap, row) in weight.at_least(g.taps * in_stride).chunks_exact_mut(in_stride).enumerate() {
        if let Some(tap) = g.kernel_tap(tap, 0, 0) {
            row[..g.in_channels].iter_mut().enumerate().for_each(|(i, w)| *w = at(i, 0, tap));
        }
    }
    Kind::Dots { weight, bias }
}

/// Whether a convolution is computed by [`dots`].
pub(super) fn has_one_channel_out(g: &Geometry) -> bool {
    g.out_channels == 1 && g.out_group == 1 && g.in_group == 1 && (g.dilation == 1 || g.taps == 1)
}

/// A layer that only applies a snake.
pub(super) fn pointwise(alpha: &[f32], stride: usize, calls: Range<usize>) -> Layer {
    Layer {
        name: format!("snake {}", alpha.len()),
        calls,
        geometry: Geometry::pointwise(alpha.len()),
        in_stride: stride,
        out_stride: stride,
        snake: Some(snake(alpha, stride)),
        kind: Kind::Pointwise,
        tanh: false,
    }
}

/// A layer that copies rows to another row stride.
pub(super) fn copy(channels: usize, in_stride: usize, out_stride: usize) -> Layer {
    Layer {
        name: format!("copy {channels}"),
        calls: 0..0,
        geometry: Geometry::pointwise(channels),
        in_stride,
        out_stride,
        snake: None,
        kind: Kind::Pointwise,
        tanh: false,
    }
}
