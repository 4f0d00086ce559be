//! The work of one layer on a block of rows: snake, transform, products, inverse transform, second half.
//!
//! Time is cut into *units*: so many groups of rows out that minimal filtering computes together, counted from the
//! start of the signal. What comes out of a unit never depends on the other units of its block, nor on which
//! thread computes it, so neither block sizes nor threads change a bit of the result.

use super::layer::{Kind, Layer, Snake, Tail, Wide};
use crate::{
    buffer::Aligned,
    isa::{Dots, Forward, Gemm, Inverse, Kernels, SnakeRows},
};
use rayon::prelude::*;
use std::sync::Mutex;

/// Memory for the steps in between, reused from block to block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    snaked: Aligned,
    transformed: Aligned,
    products: Aligned,
    hidden: Aligned,
    panels: Aligned,
}

/// A stream's scratch memories: one for the block that all threads work on together, and as many as there are threads,
/// which take one and put it back.
#[derive(Debug, Default)]
pub(crate) struct ScratchPool {
    together: Mutex<Scratch>,
    own: Mutex<Vec<Scratch>>,
}

impl ScratchPool {
    /// For work that hands out no work to other threads.
    fn own<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        let mut scratch = self.own.lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_default();
        let result = work(&mut scratch);
        if let Ok(mut pool) = self.own.lock() {
            pool.push(scratch);
        }
        result
    }

    /// For the one block that threads share.
    fn together<R>(&self, work: impl FnOnce(&mut Scratch) -> R) -> R {
        let mut scratch = self.together.lock().map(|mut one| std::mem::take(&mut *one)).unwrap_or_default();
        let result = work(&mut scratch);
        if let Ok(mut one) = self.together.lock() {
            *one = scratch;
        }
        result
    }
}

/// What a layer needs beside its rows.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) kernels: &'static Kernels,
    pub(crate) pool: &'a ScratchPool,
    pub(crate) threads: usize,
}

impl Layer {
    /// Computes `units` units from `x`, which starts at the first group in of the first of them, into `y`.
    pub(crate) fn run(&self, ctx: Context<'_>, x: &[f32], units: usize, y: &mut [f32]) {
        let (wide_in, wide_out) = self.widths();
        let unit = self.unit();
        let per_block = self.units_per_block();
        let reach = (self.geometry.taps - 1) * self.geometry.dilation;
        if let Kind::Wide(w) = &self.kind
            && ctx.threads > 1
            && self.heavy()
        {
            for (i, y) in y.chunks_mut(per_block * unit * wide_out).enumerate() {
                let first = i * per_block;
                let units = per_block.min(units - first);
                self.run_together(ctx, w, &x[first * unit * wide_in..], units, y);
            }
            return;
        }
        let block = |i: usize, y: &mut [f32]| {
            let first = i * per_block;
            let units = per_block.min(units - first);
            let x = &x[first * unit * wide_in..][..(units * unit + reach) * wide_in];
            ctx.pool.own(|scratch| self.run_block(ctx.kernels, x, units, y, scratch));
        };
        let length = per_block * unit * wide_out;
        if ctx.threads > 1 && units > per_block {
            y.par_chunks_mut(length).enumerate().for_each(|(i, y)| block(i, y));
        } else {
            y.chunks_mut(length).enumerate().for_each(|(i, y)| block(i, y));
        }
    }

    /// One block in one thread.
    fn run_block(&self, kernels: &Kernels, x: &[f32], units: usize, y: &mut [f32], scratch: &mut Scratch) {
        match &self.kind {
            Kind::Pointwise => self.copy_rows(kernels, x, y),
            Kind::Dots { weight, bias } => {
                let src = snaked(kernels, self.snake.as_ref(), x, &mut scratch.snaked);
                let weight = &weight.as_slice()[..self.geometry.taps * self.in_stride];
                (kernels.dots)(Dots { src, width: self.in_stride, weight, bias: *bias, out: y });
            }
            Kind::Wide(w) => {
                let src = snaked(kernels, self.snake.as_ref(), x, &mut scratch.snaked);
                let shape = Shape::new(kernels, self, w, units, false);
                let transformed = scratch.transformed.at_least(shape.blocks * shape.block_len);
                for (i, block) in transformed.chunks_exact_mut(shape.block_len).enumerate() {
                    shape.forward(src, i, block);
                }
                let group = w.group;
                let products = scratch.products.at_least(group * shape.products_len);
                if let Some(tail) = &w.tail {
                    let hidden = scratch.hidden.at_least(shape.hidden_len());
                    for first in (0..w.panels).step_by(group) {
                        let count = group.min(w.panels - first);
                        let to = &mut hidden[first * shape.hidden.panel..];
                        shape.panels(transformed, first, count, products, to, Target::Packed);
                    }
                    shape.tail(tail, hidden, x, 0, y);
                } else {
                    for first in (0..w.panels).step_by(group) {
                        let count = group.min(w.panels - first);
                        let y = &mut y[first * kernels.columns..];
                        shape.panels(transformed, first, count, products, y, Target::Rows);
                    }
                }
            }
        }
        if self.tanh {
            crate::reference::tanh(y);
        }
    }

    fn copy_rows(&self, kernels: &Kernels, x: &[f32], y: &mut [f32]) {
        match &self.snake {
            Some(s) => {
                let (alpha, inverse) = s.constants(self.in_stride);
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

    /// One block of a layer with large weights, its columns shared out among the threads.
    fn run_together(&self, ctx: Context<'_>, w: &Wide, x: &[f32], units: usize, y: &mut [f32]) {
        let kernels = ctx.kernels;
        let (wide_in, wide_out) = self.widths();
        let reach = (self.geometry.taps - 1) * self.geometry.dilation;
        let x = &x[..(units * self.unit() + reach) * wide_in];
        ctx.pool.together(|scratch| {
            let src = match &self.snake {
                None => x,
                Some(snake) => {
                    let (alpha, inverse) = snake.constants(self.in_stride);
                    let dst = scratch.snaked.at_least(x.len());
                    let piece = 64 * self.in_stride;
                    dst.par_chunks_mut(piece).zip(x.par_chunks(piece)).for_each(|(dst, src)| {
                        (kernels.snake_rows)(SnakeRows { src, dst, alpha, inverse });
                    });
                    dst
                }
            };
            let shape = Shape::new(kernels, self, w, units, true);
            let transformed = scratch.transformed.at_least(shape.blocks * shape.block_len);
            transformed
                .par_chunks_exact_mut(shape.block_len)
                .enumerate()
                .for_each(|(i, block)| shape.forward(src, i, block));
            let transformed = &*transformed;
            let group = w.group.min(w.panels.div_ceil(2 * ctx.threads)).max(1);
            if let Some(tail) = &w.tail {
                let hidden = scratch.hidden.at_least(shape.hidden_len());
                hidden.par_chunks_mut(group * shape.hidden.panel).enumerate().for_each(|(i, to)| {
                    ctx.pool.own(|own| {
                        let count = group.min(w.panels - i * group);
                        let products = own.products.at_least(count * shape.products_len);
                        shape.panels(transformed, i * group, count, products, to, Target::Packed);
                    });
                });
                let (hidden, rows) = (&*hidden, 2 * kernels.rows);
                y.par_chunks_mut(rows * wide_out)
                    .enumerate()
                    .for_each(|(i, y)| shape.tail(tail, hidden, x, i * rows, y));
            } else {
                let nr = kernels.columns;
                let length = shape.rows * nr;
                let panels = scratch.panels.at_least(w.panels * length);
                panels.par_chunks_mut(group * length).enumerate().for_each(|(i, to)| {
                    ctx.pool.own(|own| {
                        let count = group.min(w.panels - i * group);
                        let products = own.products.at_least(count * shape.products_len);
                        shape.panels(transformed, i * group, count, products, to, Target::Panels);
                    });
                });
                let panels = &*panels;
                y.par_chunks_mut(16 * wide_out).enumerate().for_each(|(i, y)| {
                    for (row, y) in y.chunks_exact_mut(wide_out).enumerate() {
                        let from = panels.chunks_exact(length).zip(y.chunks_exact_mut(nr));
                        from.for_each(|(panel, y)| y.copy_from_slice(&panel[(i * 16 + row) * nr..][..nr]));
                    }
                });
            }
        });
        if self.tanh {
            crate::reference::tanh(y);
        }
    }
}

impl Snake {
    fn constants(&self, width: usize) -> (&[f32], &[f32]) {
        (&self.alpha.as_slice()[..width], &self.inverse.as_slice()[..width])
    }
}

fn snaked<'a>(kernels: &Kernels, snake: Option<&Snake>, x: &'a [f32], to: &'a mut Aligned) -> &'a [f32] {
    let Some(snake) = snake else { return x };
    let (alpha, inverse) = snake.constants(snake.width);
    let dst = to.at_least(x.len());
    (kernels.snake_rows)(SnakeRows { src: x, dst: &mut *dst, alpha, inverse });
    dst
}

/// Where the rows of panels go.
#[derive(Clone, Copy)]
enum Target {
    /// Into the packed left side of the products that follow, `[panel][chunk][row block][MR][LANES]`.
    Packed,
    /// `[panel][row][NR]`
    Panels,
    /// `[row][panel][NR]`
    Rows,
}

/// Strides in words of the packed left side of a residual unit's second half: of blocks of `MR` rows, of chunks of LANES
/// channels and of panels.
#[derive(Clone, Copy)]
struct Hidden {
    /// Words of a row.
    words: usize,
    block: usize,
    chunk: usize,
    panel: usize,
}

impl Hidden {
    /// `[row block][words / LANES][MR][LANES]`: read in one go.
    fn by_block(kernels: &Kernels, words: usize, panels: usize) -> Self {
        let chunk = kernels.rows * kernels.lanes;
        Self { words, block: kernels.rows * words, chunk, panel: words / panels / kernels.lanes * chunk }
    }

    /// `[words / LANES][row block][MR][LANES]`: each panel a piece of its own, for threads that share a block.
    fn by_panel(kernels: &Kernels, rows: usize, words: usize, panels: usize) -> Self {
        let chunk = rows.next_multiple_of(kernels.rows) * kernels.lanes;
        let block = kernels.rows * kernels.lanes;
        Self { words, block, chunk, panel: words / panels / kernels.lanes * chunk }
    }
}

/// A block of one layer in numbers.
struct Shape<'a> {
    kernels: &'a Kernels,
    w: &'a Wide,
    dilation: usize,
    in_width: usize,
    out_width: usize,
    tiles: usize,
    rows: usize,
    /// Blocks of `MR` tiles, and the values of one: `[point][chunk][MR][LANES]`.
    blocks: usize,
    block_len: usize,
    /// Values of `[point][tile][NR]`, and from point to point.
    products_len: usize,
    products_stride: usize,
    /// Where the left side of the second half lies.
    hidden: Hidden,
}

impl<'a> Shape<'a> {
    fn new(kernels: &'a Kernels, layer: &Layer, w: &'a Wide, units: usize, shared: bool) -> Self {
        let (in_width, out_width) = layer.widths();
        let tiles = units * w.tiles_per_unit(layer.geometry.dilation);
        let rows = tiles * w.toom.coefficients.outputs;
        let words = w.tail.as_ref().map_or(0, |tail| out_width / tail.operands.per_word);
        let hidden = if shared {
            Hidden::by_panel(kernels, rows, words, w.panels)
        } else {
            Hidden::by_block(kernels, words, w.panels)
        };
        let products_stride = tiles * kernels.columns;
        Self {
            kernels,
            w,
            dilation: layer.geometry.dilation,
            in_width,
            out_width,
            tiles,
            rows,
            blocks: tiles.div_ceil(kernels.rows),
            block_len: w.toom.points * w.depth * kernels.rows,
            products_len: w.toom.points * products_stride,
            products_stride,
            hidden,
        }
    }

    /// Words of the left side of the second half.
    fn hidden_len(&self) -> usize {
        self.rows.next_multiple_of(self.kernels.rows) * self.hidden.words
    }

    /// Transforms the tiles of one block of `MR`.
    fn forward(&self, src: &[f32], block: usize, to: &mut [f32]) {
        let (mr, lanes) = (self.kernels.rows, self.kernels.lanes);
        let c = &self.w.toom.coefficients;
        for r in 0..mr.min(self.tiles - block * mr) {
            let tile = block * mr + r;
            let to = &mut to[r * lanes..];
            if self.w.narrow {
                self.gather(src, tile, to);
                continue;
            }
            let direct = self.w.toom.is_direct();
            let (first, step) = if direct {
                (tile, self.dilation)
            } else {
                let (group, phase) = (tile / self.dilation, tile % self.dilation);
                (group * c.outputs * self.dilation + phase, self.dilation)
            };
            let chunks = self.in_width / lanes;
            (self.w.operands.forward)(Forward {
                src: &src[first * self.in_width..],
                row_stride: step * self.in_width,
                chunks,
                inputs: self.w.inputs,
                dst: to,
                point_stride: chunks / self.w.operands.per_word * mr * lanes,
                chunk_stride: mr * lanes,
                coefficients: c,
            });
        }
    }

    /// One row of a direct convolution, value by value.
    fn gather(&self, src: &[f32], row: usize, to: &mut [f32]) {
        let (mr, lanes) = (self.kernels.rows, self.kernels.lanes);
        let place = |k: usize| k / lanes * mr * lanes + k % lanes;
        // What another layer left beyond the values meets weights of 0, which would not make a NaN one.
        for k in self.w.inputs * self.in_width..self.w.depth {
            to[place(k)] = 0.0;
        }
        for tap in 0..self.w.inputs {
            let from = &src[(row + tap * self.dilation) * self.in_width..][..self.in_width];
            for (i, &v) in from.iter().enumerate() {
                to[place(tap * self.in_width + i)] = v;
            }
        }
    }

    /// The products of one panel and point, still without a place to go.
    fn products<'b>(&'b self, a: &'b [f32], panel: usize, point: usize) -> Gemm<'b> {
        let (k, depth) = (self.kernels, self.w.depth);
        let at = self.w.weight_at(panel, point) * k.columns;
        Gemm {
            a: &a[point * depth * k.rows..],
            block_stride: self.block_len,
            chunk_stride: k.rows * k.lanes,
            chunks: depth / k.lanes,
            b: &self.w.weight.as_slice()[at..][..depth * k.columns],
            rows: self.tiles,
            c: &mut [],
            c_stride: k.columns,
            bias: None,
            residual: None,
        }
    }

    /// The products of the panels from `first` on and their inverse transform; `to` holds a target for each panel
    /// or, side by side, the rows of all.
    ///
    /// All panels of the group go through one point before the next, so that the point's left side stays in the
    /// second-level cache.
    fn panels(
        &self,
        a: &[f32],
        first: usize,
        count: usize,
        products: &mut [f32],
        to: &mut [f32],
        target: Target,
    ) {
        let k = self.kernels;
        let (nr, points) = (k.columns, self.w.toom.points);
        let direct = self.w.toom.is_direct();
        if direct && matches!(target, Target::Rows) {
            // Nothing is left to do for the products.
            for panel in 0..count {
                let at = (first + panel) * nr;
                (self.w.operands.gemm)(Gemm {
                    c: &mut to[panel * nr..],
                    c_stride: self.out_width,
                    bias: Some(&self.w.bias.as_slice()[at..at + nr]),
                    ..self.products(a, first + panel, 0)
                });
            }
            return;
        }
        let products = &mut products[..count * self.products_len];
        for point in 0..points {
            for panel in 0..count {
                (self.w.operands.gemm)(Gemm {
                    c: &mut products[(panel * points + point) * self.products_stride..],
                    ..self.products(a, first + panel, point)
                });
            }
        }
        let operands = match (target, &self.w.tail) {
            (Target::Packed, Some(tail)) => tail.operands,
            _ => &k.f32,
        };
        for (panel, products) in products.chunks_exact(self.products_len).enumerate() {
            let (block_stride, row_stride, chunk_stride, start) = match target {
                Target::Packed => (self.hidden.block, k.lanes, self.hidden.chunk, panel * self.hidden.panel),
                Target::Panels => (k.rows * nr, nr, k.lanes, panel * self.rows * nr),
                Target::Rows => (k.rows * self.out_width, self.out_width, k.lanes, panel * nr),
            };
            let at = (first + panel) * nr;
            let snake = self.w.tail.as_ref().map(|t| {
                let (alpha, inverse) = t.snake.constants(self.out_width);
                (&alpha[at..at + nr], &inverse[at..at + nr])
            });
            (operands.inverse)(Inverse {
                src: products,
                point_stride: self.products_stride,
                tiles: self.tiles,
                dilation: if direct { 1 } else { self.dilation },
                dst: &mut to[start..],
                block_stride,
                row_stride,
                chunk_stride,
                bias: &self.w.bias.as_slice()[at..at + nr],
                snake,
                coefficients: &self.w.toom.coefficients,
            });
        }
    }

    /// The pointwise convolution and the sum of a residual unit, for the rows from `first` (a multiple of `MR`) that `y`
    /// has room for.
    fn tail(&self, tail: &Tail, hidden: &[f32], x: &[f32], first: usize, y: &mut [f32]) {
        let k = self.kernels;
        let (nr, width, words) = (k.columns, self.out_width, self.hidden.words);
        let x = &x[(first + tail.offset) * self.in_width..];
        for panel in 0..self.w.panels {
            let at = panel * nr;
            (tail.operands.gemm)(Gemm {
                a: &hidden[first / k.rows * self.hidden.block..],
                block_stride: self.hidden.block,
                chunk_stride: self.hidden.chunk,
                chunks: words / k.lanes,
                b: &tail.weight.as_slice()[at * words..][..words * nr],
                rows: y.len() / width,
                c: &mut y[at..],
                c_stride: width,
                bias: Some(&tail.bias.as_slice()[at..at + nr]),
                residual: Some((&x[at..], self.in_width)),
            });
        }
    }
}
