//! The steps of a convolution on one block: forward transform, matrix products, inverse transform.

use super::{
    layer::{FusedPointwise, GemmConv, Layer},
    scratch::RunContext,
};
use crate::isa::{ForwardTransform, Gemm, InverseTransform, Kernels};
use rayon::prelude::*;
use std::ops::Range;

/// The order in which the computed panels are written.
#[derive(Clone, Copy)]
pub(super) enum PanelLayout {
    /// Packed as A of the pointwise convolution, in a [`HiddenLayout`].
    Packed,
    /// `[panel][group][NR]`
    Panels,
    /// `[group][panel][NR]`
    Rows,
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
            HiddenOrder::PanelMajor => {
                (kernels.mr * kernels.lanes, rows.next_multiple_of(kernels.mr) * kernels.lanes)
            }
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
    dilation: usize,
    in_width: usize,
    out_width: usize,
    tiles: usize,
    /// Groups out.
    pub(super) groups: usize,
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
        spans: usize,
        hidden_order: HiddenOrder,
    ) -> Self {
        let (in_width, out_width) = layer.group_widths();
        let tiles = spans * conv.tiles_per_span(layer.geometry.dilation);
        let groups = tiles * conv.winograd.coefficients.outputs;
        let words = conv.fused.as_ref().map_or(0, |fused| out_width / fused.operands.per_word);
        let products_stride = tiles * kernels.nr;
        Self {
            kernels,
            conv,
            dilation: layer.geometry.dilation,
            in_width,
            out_width,
            tiles,
            groups,
            strips: tiles.div_ceil(kernels.mr),
            strip_len: conv.winograd.points * conv.depth * kernels.mr,
            products_len: conv.winograd.points * products_stride,
            products_stride,
            hidden: HiddenLayout::new(hidden_order, kernels, groups, words, conv.panels),
        }
    }

    /// Returns the number of words between the two convolutions of a residual unit.
    pub(super) fn hidden_len(&self) -> usize {
        self.groups.next_multiple_of(self.kernels.mr) * self.hidden.words
    }

    /// Transforms the tiles of one strip of A.
    pub(super) fn transform_strip(&self, src: &[f32], strip: usize, to: &mut [f32]) {
        let (mr, lanes) = (self.kernels.mr, self.kernels.lanes);
        let c = &self.conv.winograd.coefficients;
        for r in 0..mr.min(self.tiles - strip * mr) {
            let tile = strip * mr + r;
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
    fn panel_product<'b>(&'b self, a: &'b [f32], panel: usize, point: usize) -> Gemm<'b> {
        let (k, depth) = (self.kernels, self.conv.depth);
        let at = self.conv.first_weight_row(panel, point) * k.nr;
        Gemm {
            a: &a[point * depth * k.mr..],
            strip_stride: self.strip_len,
            chunk_stride: k.mr * k.lanes,
            chunks: depth / k.lanes,
            b: &self.conv.weight.as_slice()[at..][..depth * k.nr],
            rows: self.tiles,
            c: &mut [],
            c_stride: k.nr,
            bias: None,
            residual: None,
        }
    }

    /// Computes a batch of panels, products and inverse transform; `to` starts at the first panel.
    ///
    /// All panels use one point before the next, so that A of this point stays in the second-level cache.
    pub(super) fn compute_panels(
        &self,
        a: &[f32],
        panels: Range<usize>,
        products: &mut [f32],
        to: &mut [f32],
        layout: PanelLayout,
    ) {
        let (nr, points) = (self.kernels.nr, self.conv.winograd.points);
        if self.conv.winograd.is_direct() && matches!(layout, PanelLayout::Rows) {
            // The products are the output.
            for (i, panel) in panels.enumerate() {
                (self.conv.operands.gemm)(Gemm {
                    c: &mut to[i * nr..],
                    c_stride: self.out_width,
                    bias: Some(&self.conv.bias.as_slice()[panel * nr..][..nr]),
                    ..self.panel_product(a, panel, 0)
                });
            }
            return;
        }
        let products = &mut products[..panels.len() * self.products_len];
        for point in 0..points {
            for (i, panel) in panels.clone().enumerate() {
                (self.conv.operands.gemm)(Gemm {
                    c: &mut products[(i * points + point) * self.products_stride..],
                    ..self.panel_product(a, panel, point)
                });
            }
        }
        for (i, products) in products.chunks_exact(self.products_len).enumerate() {
            self.invert_panel(products, panels.start + i, i, to, layout);
        }
    }

    /// Transforms the products of one panel, which is panel `index` of its batch.
    fn invert_panel(
        &self,
        products: &[f32],
        panel: usize,
        index: usize,
        to: &mut [f32],
        layout: PanelLayout,
    ) {
        let (k, nr, conv) = (self.kernels, self.kernels.nr, self.conv);
        let (strip_stride, row_stride, chunk_stride, start) = match layout {
            PanelLayout::Packed => {
                let HiddenLayout { strip_stride, chunk_stride, panel_stride, .. } = self.hidden;
                (strip_stride, k.lanes, chunk_stride, index * panel_stride)
            }
            PanelLayout::Panels => (k.mr * nr, nr, k.lanes, index * self.groups * nr),
            PanelLayout::Rows => (k.mr * self.out_width, self.out_width, k.lanes, index * nr),
        };
        let operands = match (layout, &conv.fused) {
            (PanelLayout::Packed, Some(fused)) => fused.operands,
            _ => &k.f32,
        };
        let columns = panel * nr..(panel + 1) * nr;
        let snake = conv.fused.as_ref().map(|fused| {
            let (alpha, inverse) = fused.snake.constants();
            (&alpha[columns.clone()], &inverse[columns.clone()])
        });
        (operands.inverse)(InverseTransform {
            src: products,
            point_stride: self.products_stride,
            tiles: self.tiles,
            dilation: if conv.winograd.is_direct() { 1 } else { self.dilation },
            dst: &mut to[start..],
            strip_stride,
            row_stride,
            chunk_stride,
            bias: &conv.bias.as_slice()[columns.clone()],
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
        layout: PanelLayout,
    ) {
        let panels = self.conv.panels;
        let batch = self.conv.panels_per_batch.min(panels.div_ceil(2 * ctx.threads)).max(1);
        to.par_chunks_mut(batch * panel_len).enumerate().for_each(|(i, to)| {
            ctx.scratch.with_own(|own| {
                let panels = i * batch..((i + 1) * batch).min(panels);
                let products = own.products.grow_to(panels.len() * self.products_len);
                self.compute_panels(a, panels, products, to, layout);
            });
        });
    }

    /// Computes the pointwise convolution and the sum of a residual unit, for the rows of `y`, which start at
    /// row `first` (a multiple of MR).
    pub(super) fn compute_pointwise(
        &self,
        fused: &FusedPointwise,
        hidden: &[f32],
        x: &[f32],
        first: usize,
        y: &mut [f32],
    ) {
        let k = self.kernels;
        let (nr, width, words) = (k.nr, self.out_width, self.hidden.words);
        let x = &x[(first + fused.residual_offset) * self.in_width..];
        for panel in 0..self.conv.panels {
            let at = panel * nr;
            (fused.operands.gemm)(Gemm {
                a: &hidden[first / k.mr * self.hidden.strip_stride..],
                strip_stride: self.hidden.strip_stride,
                chunk_stride: self.hidden.chunk_stride,
                chunks: words / k.lanes,
                b: &fused.weight.as_slice()[at * words..][..words * nr],
                rows: y.len() / width,
                c: &mut y[at..],
                c_stride: width,
                bias: Some(&fused.bias.as_slice()[at..at + nr]),
                residual: Some((&x[at..], self.in_width)),
            });
        }
    }
}
