//! The work of one layer on blocks of a signal.
//!
//! The steps of a convolution are: snake, forward transform, matrix products, inverse transform, and for a
//! residual unit the snake, pointwise convolution and sum of its second half.
//!
//! The result of a span never depends on the other spans of its block or on the thread that computes it. So
//! block sizes and thread counts do not change a bit of the output.

use super::{
    block::{BlockShape, HiddenOrder, PanelLayout},
    layer::{GemmConv, Layer, Operation, Snake},
    scratch::{RunContext, Scratch},
};
use crate::{
    buffer::AlignedBuffer,
    isa::{Kernels, SingleOutput, SnakeRows},
};
use rayon::prelude::*;

impl Layer {
    /// Computes `spans` spans from `x`, which starts at the first group in of the first span, into `y`.
    pub(crate) fn run(&self, ctx: RunContext<'_>, x: &[f32], spans: usize, y: &mut [f32]) {
        let (in_width, out_width) = self.group_widths();
        let groups_per_span = self.groups_per_span();
        let spans_per_block = self.spans_per_block();
        let reach = self.geometry.reach();
        let block_values = spans_per_block * groups_per_span * out_width;
        let block_input = |i: usize| {
            let first = i * spans_per_block;
            let spans = spans_per_block.min(spans - first);
            let x = &x[first * groups_per_span * in_width..][..(spans * groups_per_span + reach) * in_width];
            (x, spans)
        };
        if let Operation::Gemm(conv) = &self.operation
            && ctx.threads > 1
            && self.exceeds_cache()
        {
            for (i, y) in y.chunks_mut(block_values).enumerate() {
                let (x, spans) = block_input(i);
                self.run_shared_block(ctx, conv, x, spans, y);
            }
            return;
        }
        let run_block = |(i, y): (usize, &mut [f32])| {
            let (x, spans) = block_input(i);
            ctx.scratch.with_own(|scratch| self.run_block(ctx.kernels, x, spans, y, scratch));
        };
        if ctx.threads > 1 && spans > spans_per_block {
            y.par_chunks_mut(block_values).enumerate().for_each(run_block);
        } else {
            y.chunks_mut(block_values).enumerate().for_each(run_block);
        }
    }

    /// Computes a block in one thread.
    fn run_block(&self, kernels: &Kernels, x: &[f32], spans: usize, y: &mut [f32], scratch: &mut Scratch) {
        match &self.operation {
            Operation::Elementwise => self.copy_rows(kernels, x, y),
            Operation::SingleOutput { weight, bias } => {
                let src = apply_snake(kernels, self.snake.as_ref(), x, &mut scratch.snaked);
                let weight = &weight.as_slice()[..self.geometry.taps * self.in_stride];
                let job = SingleOutput { src, width: self.in_stride, weight, bias: *bias, out: y };
                (kernels.single_output)(job);
            }
            Operation::Gemm(conv) => {
                let src = apply_snake(kernels, self.snake.as_ref(), x, &mut scratch.snaked);
                let shape = BlockShape::new(kernels, self, conv, spans, HiddenOrder::StripMajor);
                let transformed = scratch.transformed.grow_to(shape.strips * shape.strip_len);
                for (i, strip) in transformed.chunks_exact_mut(shape.strip_len).enumerate() {
                    shape.transform_strip(src, i, strip);
                }
                let batch = conv.panels_per_batch;
                let products = scratch.products.grow_to(batch * shape.products_len);
                let end = |first: usize| (first + batch).min(conv.panels);
                let batches = (0..conv.panels).step_by(batch).map(|first| first..end(first));
                if let Some(fused) = &conv.fused {
                    let hidden = scratch.hidden.grow_to(shape.hidden_len());
                    for panels in batches {
                        let to = &mut hidden[panels.start * shape.hidden.panel_stride..];
                        shape.compute_panels(transformed, panels, products, to, PanelLayout::Packed);
                    }
                    shape.compute_pointwise(fused, hidden, x, 0, y);
                } else {
                    for panels in batches {
                        let y = &mut y[panels.start * kernels.nr..];
                        shape.compute_panels(transformed, panels, products, y, PanelLayout::Rows);
                    }
                }
            }
        }
        if self.tanh {
            apply_tanh(y);
        }
    }

    fn copy_rows(&self, kernels: &Kernels, x: &[f32], y: &mut [f32]) {
        match &self.snake {
            Some(snake) => {
                let (alpha, inverse) = snake.constants();
                (kernels.snake_rows)(SnakeRows { src: x, dst: y, alpha, inverse });
            }
            None => {
                let channels = self.geometry.in_channels;
                for (x, y) in x.chunks_exact(self.in_stride).zip(y.chunks_exact_mut(self.out_stride)) {
                    y[..channels].copy_from_slice(&x[..channels]);
                    y[channels..].fill(0.0);
                }
            }
        }
    }

    /// Computes a block of a layer with large weights, with its panels divided among the threads.
    fn run_shared_block(&self, ctx: RunContext<'_>, conv: &GemmConv, x: &[f32], spans: usize, y: &mut [f32]) {
        let kernels = ctx.kernels;
        let (_, out_width) = self.group_widths();
        ctx.scratch.with_shared(|scratch| {
            let src = match &self.snake {
                None => x,
                Some(snake) => {
                    let (alpha, inverse) = snake.constants();
                    let dst = scratch.snaked.grow_to(x.len());
                    let share = 64 * self.in_stride;
                    dst.par_chunks_mut(share).zip(x.par_chunks(share)).for_each(|(dst, src)| {
                        (kernels.snake_rows)(SnakeRows { src, dst, alpha, inverse });
                    });
                    dst
                }
            };
            let shape = BlockShape::new(kernels, self, conv, spans, HiddenOrder::PanelMajor);
            let transformed = scratch.transformed.grow_to(shape.strips * shape.strip_len);
            transformed
                .par_chunks_exact_mut(shape.strip_len)
                .enumerate()
                .for_each(|(i, strip)| shape.transform_strip(src, i, strip));
            if let Some(fused) = &conv.fused {
                let hidden = scratch.hidden.grow_to(shape.hidden_len());
                let panel_len = shape.hidden.panel_stride;
                shape.compute_panels_shared(ctx, transformed, panel_len, hidden, PanelLayout::Packed);
                let (hidden, rows) = (&*hidden, 2 * kernels.mr);
                y.par_chunks_mut(rows * out_width)
                    .enumerate()
                    .for_each(|(i, y)| shape.compute_pointwise(fused, hidden, x, i * rows, y));
            } else {
                let (nr, panel_len) = (kernels.nr, shape.groups * kernels.nr);
                let panels = scratch.panels.grow_to(conv.panels * panel_len);
                shape.compute_panels_shared(ctx, transformed, panel_len, panels, PanelLayout::Panels);
                let panels = &*panels;
                y.par_chunks_mut(16 * out_width).enumerate().for_each(|(i, y)| {
                    for (row, y) in y.chunks_exact_mut(out_width).enumerate() {
                        let pairs = panels.chunks_exact(panel_len).zip(y.chunks_exact_mut(nr));
                        pairs.for_each(|(panel, y)| y.copy_from_slice(&panel[(i * 16 + row) * nr..][..nr]));
                    }
                });
            }
        });
        if self.tanh {
            apply_tanh(y);
        }
    }
}

/// Returns `x` after the snake, written to `to`, or `x` itself without a snake.
fn apply_snake<'a>(
    kernels: &Kernels,
    snake: Option<&Snake>,
    x: &'a [f32],
    to: &'a mut AlignedBuffer,
) -> &'a [f32] {
    let Some(snake) = snake else { return x };
    let (alpha, inverse) = snake.constants();
    let dst = to.grow_to(x.len());
    (kernels.snake_rows)(SnakeRows { src: x, dst: &mut *dst, alpha, inverse });
    dst
}

/// Applies tanh. An infinite value becomes NaN: it is an overflow, and must not be taken for a sample at full
/// scale.
fn apply_tanh(rows: &mut [f32]) {
    rows.iter_mut().for_each(|x| *x = if x.is_infinite() { f32::NAN } else { x.tanh() });
}
