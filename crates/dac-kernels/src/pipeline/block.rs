//! The steps of a convolution on one block: forward transform, matrix products, inverse transform.

use super::{
    layer::{FusedPointwise, GemmConv, Layer},
    scratch::RunContext,
    segment::Segment,
};
use crate::isa::{ForwardTransform, Gemm, InverseTransform, Kernels};
use rayon::prelude::*;
use std::ops::Range;

/// The most strips of A that count as few (see [`BlockShape::panels_per_batch`]).
const FEW_STRIPS: usize = 2;

/// The place where computed panels are written, from the first panel of a batch on.
pub(super) enum PanelOutput<'o, 's> {
    /// Packed as A of the pointwise convolution, in a [`HiddenLayout`].
    Packed(&'o mut [f32]),
    /// `[panel][row][NR]`, where the rows of a segment begin at [`Part::first_row`].
    Panels(&'o mut [f32]),
    /// The rows of the segments, `[group][panel][NR]`.
    Rows(&'o mut [Segment<'s>]),
}

/// The tiles and rows of one segment in a block.
#[derive(Clone, Copy)]
pub(super) struct Part {
    first_tile: usize,
    tiles: usize,
    /// First row in the memory between two steps, a multiple of MR.
    pub(super) first_row: usize,
    /// Groups out.
    pub(super) groups: usize,
}

/// Consecutive rows of the pointwise convolution of a residual unit.
pub(super) struct PointwiseRows<'a> {
    /// First row among the packed values, a multiple of MR.
    pub(super) first_row: usize,
    /// The unit's input, from the row in of the first row out on, without the residual's offset.
    pub(super) x: &'a [f32],
    pub(super) y: &'a mut [f32],
}

/// The order of the packed values between the two convolutions of a residual unit.
#[derive(Clone, Copy)]
pub(super) enum HiddenOrder {
    /// `[strip][words / LANES][MR][LANES]`, which is read sequentially.
    StripMajor,
    /// `[words / LANES][strip][MR][LANES]`, where each panel is contiguous, for threads that share a block.
    PanelMajor,
}

/// The strides, in words, of the packed values between the two convolutions of a residual unit.
#[derive(Clone, Copy)]
pub(super) struct HiddenLayout {
    /// Words of a row.
    words: usize,
    strip_stride: usize,
    chunk_stride: usize,
    pub(super) panel_stride: usize,
}

impl HiddenLayout {
    fn new(order: HiddenOrder, kernels: &Kernels, rows: usize, words: usize, panels: usize) -> Self {
        let (strip_stride, chunk_stride) = match order {
            HiddenOrder::StripMajor => (kernels.mr * words, kernels.mr * kernels.lanes),
            HiddenOrder::PanelMajor => (kernels.mr * kernels.lanes, rows * kernels.lanes),
        };
        Self {
            words,
            strip_stride,
            chunk_stride,
            panel_stride: words / panels / kernels.lanes * chunk_stride,
        }
    }
}

/// The sizes of one block of a layer.
pub(super) struct BlockShape<'a> {
    kernels: &'a Kernels,
    conv: &'a GemmConv,
    /// The packed weights of `conv`, looked up once for all of its products.
    weight: &'a [f32],
    dilation: usize,
    in_width: usize,
    out_width: usize,
    tiles: usize,
    pub(super) parts: Vec<Part>,
    /// Rows of all parts in the memory between two steps.
    pub(super) rows: usize,
    /// Strips of A, whose rows are tiles.
    pub(super) strips: usize,
    /// Words of a strip for all points, `[point][chunk][MR][LANES]`.
    pub(super) strip_len: usize,
    /// Values of the products of a panel, `[point][tile][NR]`.
    pub(super) products_len: usize,
    /// Values of the products of a panel and point.
    products_stride: usize,
    pub(super) hidden: HiddenLayout,
}

impl<'a> BlockShape<'a> {
    pub(super) fn new(
        kernels: &'a Kernels,
        layer: &Layer,
        conv: &'a GemmConv,
        segments: &[Segment<'_>],
        hidden_order: HiddenOrder,
    ) -> Self {
        let (in_width, out_width) = layer.group_widths();
        let (mut tiles, mut rows) = (0, 0);
        let parts = segments.iter().map(|segment| {
            let groups = segment.groups;
            let part = Part { first_tile: tiles, tiles: layer.tiles(groups), first_row: rows, groups };
            tiles += part.tiles;
            rows += groups.next_multiple_of(kernels.mr);
            part
        });
        let parts = parts.collect();
        let words = conv.fused.as_ref().map_or(0, |fused| out_width / fused.operands.per_word);
        let products_stride = tiles * kernels.nr;
        Self {
            kernels,
            conv,
            weight: conv.weight.words(),
            dilation: layer.geometry.dilation,
            in_width,
            out_width,
            tiles,
            parts,
            rows,
            strips: tiles.div_ceil(kernels.mr),
            strip_len: conv.winograd.points * conv.depth * kernels.mr,
            products_len: conv.winograd.points * products_stride,
            products_stride,
            hidden: HiddenLayout::new(hidden_order, kernels, rows, words, conv.panels),
        }
    }

    /// Returns the number of panels multiplied with one point of A before the next point. A block of few
    /// tiles stays in the second-level cache and reads the weights in the order of memory.
    pub(super) fn panels_per_batch(&self) -> usize {
        if self.strips <= FEW_STRIPS { 1 } else { self.conv.panels_per_batch }
    }

    /// Returns the number of words between the two convolutions of a residual unit.
    pub(super) fn hidden_len(&self) -> usize {
        self.rows * self.hidden.words
    }

    /// Transforms the tiles of one strip of A, from the input of each part after the first snake.
    pub(super) fn transform_strip(&self, sources: &[&[f32]], strip: usize, to: &mut [f32]) {
        let (mr, lanes) = (self.kernels.mr, self.kernels.lanes);
        let c = &self.conv.winograd.coefficients;
        let mut at = self.parts.partition_point(|part| part.first_tile + part.tiles <= strip * mr);
        for r in 0..mr.min(self.tiles - strip * mr) {
            while strip * mr + r >= self.parts[at].first_tile + self.parts[at].tiles {
                at += 1;
            }
            let (src, tile) = (sources[at], strip * mr + r - self.parts[at].first_tile);
            let to = &mut to[r * lanes..];
            if self.conv.gathers_values {
                self.gather_row(src, tile, to);
                continue;
            }
            let first = if self.conv.winograd.is_direct() {
                tile
            } else {
                tile / self.dilation * c.outputs * self.dilation + tile % self.dilation
            };
            let chunks = self.in_width / lanes;
            (self.conv.operands.forward)(ForwardTransform {
                src: &src[first * self.in_width..],
                row_stride: self.dilation * self.in_width,
                chunks,
                inputs: self.conv.inputs,
                dst: to,
                point_stride: chunks / self.conv.operands.per_word * mr * lanes,
                chunk_stride: mr * lanes,
                coefficients: c,
            });
        }
    }

    /// Packs one row of A for a direct convolution, value by value.
    fn gather_row(&self, src: &[f32], row: usize, to: &mut [f32]) {
        let (mr, lanes) = (self.kernels.mr, self.kernels.lanes);
        let offset = |k: usize| k / lanes * mr * lanes + k % lanes;
        // The padding meets weights of 0, but a NaN left there by another layer would make the sum NaN.
        for k in self.conv.inputs * self.in_width..self.conv.depth {
            to[offset(k)] = 0.0;
        }
        for tap in 0..self.conv.inputs {
            let from = &src[(row + tap * self.dilation) * self.in_width..][..self.in_width];
            for (i, &v) in from.iter().enumerate() {
                to[offset(tap * self.in_width + i)] = v;
            }
        }
    }

    /// Returns the matrix product of one panel and point, with an empty C that the caller replaces.
    ///
    /// `next` is the panel and point of the following product.
    fn panel_product<'b>(
        &'b self,
        a: &'b [f32],
        (panel, point): (usize, usize),
        next: (usize, usize),
    ) -> Gemm<'b> {
        let (k, depth) = (self.kernels, self.conv.depth);
        let weight = |(panel, point): (usize, usize)| {
            let at = self.conv.first_weight_row(panel, point) * k.nr;
            self.weight.get(at..at + depth * k.nr).unwrap_or_default()
        };
        Gemm {
            a: &a[point * depth * k.mr..],
            strip_stride: self.strip_len,
            chunk_stride: k.mr * k.lanes,
            chunks: depth / k.lanes,
            b: weight((panel, point)),
            next: weight(next),
            rows: self.tiles,
            c: &mut [],
            c_stride: k.nr,
            bias: None,
            residual: None,
        }
    }

    /// Computes a batch of panels, products and inverse transform.
    ///
    /// All panels use one point before the next, so that A of this point stays in the second-level cache.
    pub(super) fn compute_panels(
        &self,
        a: &[f32],
        panels: Range<usize>,
        products: &mut [f32],
        mut to: PanelOutput<'_, '_>,
    ) {
        let (nr, points) = (self.kernels.nr, self.conv.winograd.points);
        if let PanelOutput::Rows([segment]) = &mut to
            && self.conv.winograd.is_direct()
        {
            // The products are the output.
            for panel in panels {
                (self.conv.operands.gemm)(Gemm {
                    c: &mut segment.y[panel * nr..],
                    c_stride: self.out_width,
                    bias: Some(&self.conv.bias.words()[panel * nr..][..nr]),
                    ..self.panel_product(a, (panel, 0), (panel + 1, 0))
                });
            }
            return;
        }
        let products = &mut products[..panels.len() * self.products_len];
        for point in 0..points {
            for (i, panel) in panels.clone().enumerate() {
                let is_last = panel + 1 == panels.end;
                let next = match point + 1 {
                    _ if !is_last => (panel + 1, point),
                    next if next < points => (panels.start, next),
                    _ => (panels.end, 0),
                };
                (self.conv.operands.gemm)(Gemm {
                    c: &mut products[(i * points + point) * self.products_stride..],
                    ..self.panel_product(a, (panel, point), next)
                });
            }
        }
        for (i, products) in products.chunks_exact(self.products_len).enumerate() {
            for part in 0..self.parts.len() {
                self.invert_part(products, part, panels.start + i, i, &mut to);
            }
        }
    }

    /// Transforms the products of one part of a panel, which is panel `index` of its batch.
    fn invert_part(
        &self,
        products: &[f32],
        part: usize,
        panel: usize,
        index: usize,
        to: &mut PanelOutput<'_, '_>,
    ) {
        let (k, nr, conv, Part { first_tile, tiles, first_row, groups }) =
            (self.kernels, self.kernels.nr, self.conv, self.parts[part]);
        let (dst, strip_stride, row_stride, chunk_stride) = match to {
            PanelOutput::Packed(to) => {
                let HiddenLayout { strip_stride, chunk_stride, panel_stride, .. } = self.hidden;
                let start = index * panel_stride + first_row / k.mr * strip_stride;
                (&mut to[start..], strip_stride, k.lanes, chunk_stride)
            }
            PanelOutput::Panels(to) => {
                (&mut to[(index * self.rows + first_row) * nr..], k.mr * nr, nr, k.lanes)
            }
            PanelOutput::Rows(segments) => {
                let y = &mut segments[part].y[panel * nr..];
                (y, k.mr * self.out_width, self.out_width, k.lanes)
            }
        };
        let operands = match &conv.fused {
            Some(fused) => fused.operands,
            None => &k.f32,
        };
        let columns = panel * nr..(panel + 1) * nr;
        let snake = conv.fused.as_ref().map(|fused| {
            let (alpha, inverse) = fused.snake.constants();
            (&alpha[columns.clone()], &inverse[columns.clone()])
        });
        (operands.inverse)(InverseTransform {
            src: &products[first_tile * nr..],
            point_stride: self.products_stride,
            tiles,
            rows: groups,
            dilation: if conv.winograd.is_direct() { 1 } else { self.dilation },
            dst,
            strip_stride,
            row_stride,
            chunk_stride,
            bias: &conv.bias.words()[columns.clone()],
            snake,
            coefficients: &conv.winograd.coefficients,
        });
    }

    /// Computes all panels, divided among the threads, into `to`, where each has `panel_len` words.
    pub(super) fn compute_panels_shared(
        &self,
        ctx: RunContext<'_>,
        a: &[f32],
        panel_len: usize,
        to: &mut [f32],
    ) {
        let panels = self.conv.panels;
        let batch = self.panels_per_batch().min(panels.div_ceil(2 * ctx.threads)).max(1);
        to.par_chunks_mut(batch * panel_len).enumerate().for_each(|(i, to)| {
            ctx.scratch.with_own(|own| {
                let panels = i * batch..((i + 1) * batch).min(panels);
                let products = own.products.grow_to(panels.len() * self.products_len);
                let is_fused = self.conv.fused.is_some();
                let to = if is_fused { PanelOutput::Packed(to) } else { PanelOutput::Panels(to) };
                self.compute_panels(a, panels, products, to);
            });
        });
    }

    /// Computes the pointwise convolution and the sum of a residual unit for some rows.
    ///
    /// All rows use one panel before the next, so that the panel stays in the second-level cache.
    pub(super) fn compute_pointwise(
        &self,
        fused: &FusedPointwise,
        hidden: &[f32],
        rows: &mut [PointwiseRows<'_>],
    ) {
        let k = self.kernels;
        let (nr, width, words) = (k.nr, self.out_width, self.hidden.words);
        let (weight, bias) = (fused.weight.words(), fused.bias.words());
        for panel in 0..self.conv.panels {
            let at = panel * nr;
            for PointwiseRows { first_row, x, y } in &mut *rows {
                let x = &x[fused.residual_offset * self.in_width..];
                (fused.operands.gemm)(Gemm {
                    a: &hidden[*first_row / k.mr * self.hidden.strip_stride..],
                    strip_stride: self.hidden.strip_stride,
                    chunk_stride: self.hidden.chunk_stride,
                    chunks: words / k.lanes,
                    b: &weight[at * words..][..words * nr],
                    next: weight.get((at + nr) * words..).unwrap_or_default(),
                    rows: y.len() / width,
                    c: &mut y[at..],
                    c_stride: width,
                    bias: Some(&bias[at..at + nr]),
                    residual: Some((&x[at..], self.in_width)),
                });
            }
        }
    }
}
