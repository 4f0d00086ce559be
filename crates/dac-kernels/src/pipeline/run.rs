//! The work of one layer on blocks of a signal.
//!
//! The steps of a convolution are: snake, forward transform, matrix products, inverse transform, and for a
//! residual unit the snake, pointwise convolution and sum of its second half.
//!
//! The result of a tile never depends on the other tiles of its block or on the thread that computes it. So
//! block sizes and thread counts do not change a bit of the output, nor do other signals in the same block.

use super::{
    block::{BlockShape, HiddenOrder, PanelOutput, PointwiseRows},
    layer::{GemmConv, Layer, Operation, Snake},
    scratch::{RunContext, Scratch},
    segment::{Segment, divide},
};
use crate::{
    buffer::AlignedBuffer,
    isa::{Kernels, SingleOutput, SnakeRows},
};
use rayon::prelude::*;

/// Rows of a share of the work on the rows of a shared block.
const SHARE_ROWS: usize = 64;

impl Layer {
    /// Computes segments in blocks of at most `block_tiles` tiles.
    pub(super) fn run(&self, ctx: RunContext<'_>, segments: Vec<Segment<'_>>, block_tiles: usize) {
        let mut blocks = divide(self, segments, block_tiles);
        if let Operation::Gemm(conv) = &self.operation
            && ctx.threads > 1
            && self.exceeds_cache()
        {
            blocks.iter_mut().for_each(|block| self.run_shared_block(ctx, conv, block));
            return;
        }
        let run_block = |mut block: Vec<Segment<'_>>| {
            ctx.scratch.with_own(|scratch| self.run_block(ctx.kernels, &mut block, scratch));
        };
        if ctx.threads > 1 && blocks.len() > 1 {
            blocks.into_par_iter().for_each(run_block);
        } else {
            blocks.into_iter().for_each(run_block);
        }
    }

    /// Computes a block in one thread.
    fn run_block(&self, kernels: &Kernels, block: &mut [Segment<'_>], scratch: &mut Scratch) {
        match &self.operation {
            Operation::Elementwise => {
                block.iter_mut().for_each(|segment| self.copy_rows(kernels, segment.x, segment.y));
            }
            Operation::SingleOutput { weight, bias } => {
                let (weight, bias) = (weight.words(), bias.words()[0]);
                for Segment { x, y, .. } in &mut *block {
                    let src = apply_snake(kernels, self.snake.as_ref(), x, &mut scratch.snaked);
                    let job = SingleOutput { src, width: self.in_stride, weight, bias, out: y };
                    (kernels.single_output)(job);
                }
            }
            Operation::Gemm(conv) => {
                let shape = BlockShape::new(kernels, self, conv, block, HiddenOrder::StripMajor);
                let sources = apply_snakes(kernels, self.snake.as_ref(), block, &mut scratch.snaked, false);
                let transformed = scratch.transformed.grow_to(shape.strips * shape.strip_len);
                for (i, strip) in transformed.chunks_exact_mut(shape.strip_len).enumerate() {
                    shape.transform_strip(&sources, i, strip);
                }
                let batch = shape.panels_per_batch();
                let products = scratch.products.grow_to(batch * shape.products_len);
                let end = |first: usize| (first + batch).min(conv.panels);
                let batches = (0..conv.panels).step_by(batch).map(|first| first..end(first));
                if let Some(fused) = &conv.fused {
                    let hidden = scratch.hidden.grow_to(shape.hidden_len());
                    for panels in batches {
                        let to = &mut hidden[panels.start * shape.hidden.panel_stride..];
                        shape.compute_panels(transformed, panels, products, PanelOutput::Packed(to));
                    }
                    let parts = block.iter_mut().zip(&shape.parts);
                    let rows = parts.map(|(segment, part)| PointwiseRows {
                        first_row: part.first_row,
                        x: segment.x,
                        y: segment.y,
                    });
                    shape.compute_pointwise(fused, hidden, &mut rows.collect::<Vec<_>>());
                } else {
                    for panels in batches {
                        shape.compute_panels(transformed, panels, products, PanelOutput::Rows(block));
                    }
                }
            }
        }
        if self.tanh {
            block.iter_mut().for_each(|segment| apply_tanh(segment.y));
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
    fn run_shared_block(&self, ctx: RunContext<'_>, conv: &GemmConv, block: &mut [Segment<'_>]) {
        let kernels = ctx.kernels;
        let (in_width, out_width) = self.group_widths();
        ctx.scratch.with_shared(|scratch| {
            let shape = BlockShape::new(kernels, self, conv, block, HiddenOrder::PanelMajor);
            let sources = apply_snakes(kernels, self.snake.as_ref(), block, &mut scratch.snaked, true);
            let transformed = scratch.transformed.grow_to(shape.strips * shape.strip_len);
            transformed
                .par_chunks_exact_mut(shape.strip_len)
                .enumerate()
                .for_each(|(i, strip)| shape.transform_strip(&sources, i, strip));
            if let Some(fused) = &conv.fused {
                let hidden = scratch.hidden.grow_to(shape.hidden_len());
                let panel_len = shape.hidden.panel_stride;
                shape.compute_panels_shared(ctx, transformed, panel_len, hidden);
                let (hidden, share) = (&*hidden, 2 * kernels.mr);
                let parts = block.iter_mut().zip(&shape.parts);
                let shares = parts.flat_map(|(Segment { x, y, .. }, part)| {
                    y.chunks_mut(share * out_width).enumerate().map(move |(i, y)| {
                        let first = i * share;
                        PointwiseRows { first_row: part.first_row + first, x: &x[first * in_width..], y }
                    })
                });
                let shares: Vec<_> = shares.collect();
                shares.into_par_iter().for_each(|rows| shape.compute_pointwise(fused, hidden, &mut [rows]));
            } else {
                let (nr, panel_len) = (kernels.nr, shape.rows * kernels.nr);
                let panels = scratch.panels.grow_to(conv.panels * panel_len);
                shape.compute_panels_shared(ctx, transformed, panel_len, panels);
                let panels = &*panels;
                for (segment, part) in block.iter_mut().zip(&shape.parts) {
                    segment.y.par_chunks_mut(16 * out_width).enumerate().for_each(|(i, y)| {
                        for (row, y) in y.chunks_exact_mut(out_width).enumerate() {
                            let from = (part.first_row + i * 16 + row) * nr;
                            let pairs = panels.chunks_exact(panel_len).zip(y.chunks_exact_mut(nr));
                            pairs.for_each(|(panel, y)| y.copy_from_slice(&panel[from..][..nr]));
                        }
                    });
                }
            }
        });
        if self.tanh {
            block.iter_mut().for_each(|segment| apply_tanh(segment.y));
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

/// Returns the input rows of each segment after the snake, written to `to`, or as they are without a snake.
/// All threads work on them with `in_threads`.
fn apply_snakes<'a>(
    kernels: &Kernels,
    snake: Option<&Snake>,
    block: &[Segment<'a>],
    to: &'a mut AlignedBuffer,
    in_threads: bool,
) -> Vec<&'a [f32]> {
    let Some(snake) = snake else { return block.iter().map(|segment| segment.x).collect() };
    let (alpha, inverse) = snake.constants();
    let apply = |dst: &mut [f32], src: &[f32]| (kernels.snake_rows)(SnakeRows { src, dst, alpha, inverse });
    let mut rest = to.grow_to(block.iter().map(|segment| segment.x.len()).sum());
    let sources = block.iter().map(|Segment { x, .. }| {
        let (dst, after) = std::mem::take(&mut rest).split_at_mut(x.len());
        rest = after;
        if in_threads {
            let share = SHARE_ROWS * snake.alpha.len();
            dst.par_chunks_mut(share).zip(x.par_chunks(share)).for_each(|(dst, src)| apply(dst, src));
        } else {
            apply(dst, x);
        }
        &*dst
    });
    sources.collect()
}

/// Applies tanh. An infinite value becomes NaN: it is an overflow, and must not be taken for a sample at full
/// scale.
fn apply_tanh(rows: &mut [f32]) {
    rows.iter_mut().for_each(|x| *x = if x.is_infinite() { f32::NAN } else { x.tanh() });
}
