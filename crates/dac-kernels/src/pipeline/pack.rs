//! Packing of weights into the order in which the kernels read them.

use super::{
    geometry::Geometry,
    layer::{FusedPointwise, GemmConv, Layer, MAX_CACHED_WEIGHT, Operation, Snake},
};
use crate::{
    ResidualUnit,
    isa::{Kernels, OperandKernels, bf16},
    packed::{PackedSection, SectionSource},
    winograd::Winograd,
};
use rayon::prelude::*;
use std::ops::Range;

/// A function that returns a layer's weight at (in, out, tap).
pub(super) trait Weights: Fn(usize, usize, usize) -> f32 + Sync {}
impl<T: Fn(usize, usize, usize) -> f32 + Sync> Weights for T {}

pub(super) fn snake(sections: &mut SectionSource, alpha: &[f32], stride: usize) -> Snake {
    Snake {
        alpha: sections.section(stride, 1, |padded| padded[..alpha.len()].copy_from_slice(alpha)),
        inverse: sections.section(stride, 1, |inverse| {
            let inverses = inverse.iter_mut().zip(alpha);
            inverses.for_each(|(i, &a)| *i = (1.0 / (f64::from(a) + 1e-9)) as f32);
        }),
    }
}

/// Repeats `bias` for each row of a group, padded to the row stride.
fn group_bias(sections: &mut SectionSource, bias: &[f32], rows: usize, stride: usize) -> PackedSection {
    sections.section(rows * stride, 1, |packed| {
        packed.chunks_exact_mut(stride).for_each(|row| row[..bias.len()].copy_from_slice(bias));
    })
}

/// Writes row `k` of a panel, `[words][NR]`, whose words hold `per_word` rows each.
fn set_panel_row(panel: &mut [f32], nr: usize, per_word: usize, k: usize, values: impl Iterator<Item = f64>) {
    let words = panel[k / per_word * nr..][..nr].iter_mut();
    match per_word {
        1 => words.zip(values).for_each(|(word, v)| *word = v as f32),
        _ => words.zip(values).for_each(|(word, v)| *word = bf16::with_half(*word, k % 2, v as f32)),
    }
}

/// Packs the weights of a convolution panel by panel.
struct PanelPacker<'a, W> {
    nr: usize,
    in_stride: usize,
    geometry: &'a Geometry,
    conv: &'a GemmConv,
    weight: &'a W,
}

impl<W: Weights> PanelPacker<'_, W> {
    /// Packs panel `index`, `[point][depth][NR]`.
    fn pack(&self, index: usize, panel: &mut [f32]) {
        let (nr, g, conv) = (self.nr, self.geometry, self.conv);
        let per_word = conv.operands.per_word;
        let mut taps = vec![0.0_f64; g.taps * nr];
        for row_in in 0..g.in_group {
            for channel in 0..g.in_channels {
                self.read_taps(index, row_in, channel, &mut taps);
                let position = row_in * self.in_stride + channel;
                if conv.winograd.is_direct() {
                    for (tap, taps) in taps.chunks_exact(nr).enumerate() {
                        let k = tap * g.in_group * self.in_stride + position;
                        set_panel_row(panel, nr, per_word, k, taps.iter().copied());
                    }
                    continue;
                }
                for (point, factors) in conv.winograd.weight.chunks_exact(g.taps).enumerate() {
                    let mut sums = [0.0_f64; 64];
                    for (factor, taps) in factors.iter().zip(taps.chunks_exact(nr)) {
                        sums.iter_mut().zip(taps).for_each(|(s, t)| *s += factor * t);
                    }
                    let rows = &mut panel[point * conv.depth * nr..];
                    set_panel_row(rows, nr, per_word, position, sums.into_iter());
                }
            }
        }
    }

    /// Reads the weights of one input value for the columns of panel `index`, `[tap][NR]`.
    fn read_taps(&self, index: usize, row_in: usize, channel: usize, taps: &mut [f64]) {
        let (nr, g) = (self.nr, self.geometry);
        let out_stride = g.out_channels.next_multiple_of(nr);
        let (row_out, first) = (index * nr / out_stride, index * nr % out_stride);
        let columns = nr.min(g.out_channels.saturating_sub(first));
        for (tap, taps) in taps.chunks_exact_mut(nr).enumerate() {
            let column = &mut taps[..columns];
            match g.kernel_tap(tap, row_in, row_out) {
                Some(k) => {
                    let weights = column.iter_mut().enumerate();
                    weights.for_each(|(c, v)| *v = (self.weight)(channel, first + c, k).into());
                }
                None => column.fill(0.0),
            }
        }
    }
}

/// Packs a convolution as matrix products.
pub(super) fn gemm_conv(
    sections: &mut SectionSource,
    kernels: &Kernels,
    (g, in_stride): (&Geometry, usize),
    (winograd, operands): (Winograd, &'static OperandKernels),
    weight: &impl Weights,
    bias: &[f32],
) -> GemmConv {
    let out_stride = g.out_channels.next_multiple_of(kernels.nr);
    let direct = winograd.is_direct();
    let width = g.in_group * in_stride;
    // Direct convolution computes all taps in one product.
    let row_values = if direct { g.taps * width } else { width };
    let mut conv = GemmConv {
        inputs: if direct { g.taps } else { winograd.points },
        winograd,
        operands,
        depth: row_values.div_ceil(operands.per_word).next_multiple_of(kernels.lanes),
        gathers_values: !in_stride.is_multiple_of(kernels.lanes),
        weight: PackedSection::empty(),
        bias: group_bias(sections, bias, g.out_group, out_stride),
        panels: g.out_group * out_stride / kernels.nr,
        panels_per_batch: 1,
        fused: None,
    };
    let panel_words = conv.winograd.points * conv.depth * kernels.nr;
    let words = conv.panels * panel_words;
    let packer = PanelPacker { nr: kernels.nr, in_stride, geometry: g, conv: &conv, weight };
    conv.weight = sections.section(words, operands.per_word, |packed| {
        let panels = packed.par_chunks_mut(panel_words).enumerate();
        panels.for_each(|(index, panel)| packer.pack(index, panel));
    });
    if words > MAX_CACHED_WEIGHT {
        // Then A exceeds the second-level cache too, and is read once for this many panels.
        conv.panels_per_batch = 24.min(conv.panels);
    }
    conv
}

/// Packs the second half of a residual unit.
pub(super) fn fused_pointwise(
    sections: &mut SectionSource,
    kernels: &Kernels,
    operands: &'static OperandKernels,
    unit: &ResidualUnit<'_>,
) -> FusedPointwise {
    let (nr, channels) = (kernels.nr, unit.conv1_bias.len());
    let stride = channels.next_multiple_of(nr);
    let words = stride / operands.per_word;
    let pack = |(index, panel): (usize, &mut [f32])| {
        let first = index * nr;
        let columns = first..channels.min(first + nr);
        for i in 0..channels {
            let row = columns.clone().map(|c| unit.conv1_weight[c * channels + i].into());
            set_panel_row(panel, nr, operands.per_word, i, row);
        }
    };
    let weight = sections.section(words * stride, operands.per_word, |packed| {
        packed.par_chunks_mut(words * nr).enumerate().for_each(pack);
    });
    FusedPointwise {
        snake: snake(sections, unit.alpha2, stride),
        operands,
        weight,
        bias: group_bias(sections, unit.conv1_bias, 1, stride),
        residual_offset: unit.max_padding(),
    }
}

/// Reports whether a convolution is packed by [`single_output`].
pub(super) fn has_single_output(g: &Geometry) -> bool {
    g.out_channels == 1 && g.out_group == 1 && g.in_group == 1 && (g.dilation == 1 || g.taps == 1)
}

/// Packs a convolution with one output channel.
pub(super) fn single_output(
    sections: &mut SectionSource,
    g: &Geometry,
    in_stride: usize,
    at: &impl Weights,
    bias: &[f32],
) -> Operation {
    let weight = sections.section(g.taps * in_stride, 1, |packed| {
        for (tap, row) in packed.chunks_exact_mut(in_stride).enumerate() {
            if let Some(tap) = g.kernel_tap(tap, 0, 0) {
                row[..g.in_channels].iter_mut().enumerate().for_each(|(i, w)| *w = at(i, 0, tap));
            }
        }
    });
    Operation::SingleOutput { weight, bias: sections.section(1, 1, |packed| packed.copy_from_slice(bias)) }
}

/// Returns a layer that only applies a snake.
pub(super) fn snake_layer(
    sections: &mut SectionSource,
    alpha: &[f32],
    stride: usize,
    calls: Range<usize>,
) -> Layer {
    Layer {
        name: format!("snake {}", alpha.len()),
        calls,
        snake: Some(snake(sections, alpha, stride)),
        ..copy_layer(alpha.len(), stride, stride)
    }
}

/// Returns a layer that copies rows to another row stride.
pub(super) fn copy_layer(channels: usize, in_stride: usize, out_stride: usize) -> Layer {
    Layer {
        name: format!("copy {channels}"),
        calls: 0..0,
        geometry: Geometry::elementwise(channels),
        in_stride,
        out_stride,
        snake: None,
        operation: Operation::Elementwise,
        tanh: false,
    }
}
