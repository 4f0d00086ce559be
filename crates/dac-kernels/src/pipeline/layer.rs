//! One layer, packed.

use super::geometry::Geometry;
use crate::{
    LayerInfo,
    buffer::Aligned,
    isa::{Coefficients, Operands},
    toom::Toom,
};
use std::ops::Range;

/// Values of a layer's weights beyond which threads share its blocks: 12 MiB.
pub(crate) const HEAVY: usize = 3 << 20;

/// Tiles of a block: their left side for one point stays in the second-level cache beside a panel of weights.
const TILES: usize = 72;

/// Multiply-adds that a thread is given at least where threads share a layer's blocks, within limits: waiting for each
/// other costs them some tens of microseconds.
const LEAST_MACS: f64 = 100e6;

/// What a layer does with the rows it has collected.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) name: String,
    /// The builder's calls that it carries out.
    pub(crate) calls: Range<usize>,
    pub(crate) geometry: Geometry,
    /// Values from one row to the next in the memory of what goes in; channels beyond the layer's own are 0.
    pub(crate) in_stride: usize,
    /// The same for what comes out.
    pub(crate) out_stride: usize,
    /// The snake before everything else.
    pub(crate) snake: Option<Snake>,
    pub(crate) kind: Kind,
    pub(crate) tanh: bool,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// Nothing but snake or tanh.
    Pointwise,
    Wide(Box<Wide>),
    /// A convolution with one channel out: `[taps][in_stride]` and its bias.
    Dots {
        weight: Aligned,
        bias: f32,
    },
}

/// A snake's constants for padded rows.
#[derive(Debug)]
pub(crate) struct Snake {
    pub(crate) alpha: Aligned,
    pub(crate) inverse: Aligned,
    /// Values of a padded row.
    pub(crate) width: usize,
}

/// A convolution of row groups as matrix products.
#[derive(Debug)]
pub(crate) struct Wide {
    pub(crate) toom: Toom,
    /// Rows that a tile reads: the points of minimal filtering, or the taps of direct convolution.
    pub(crate) inputs: usize,
    /// What the products' two sides are made of.
    pub(crate) operands: &'static Operands,
    /// Words of a row of the products' left side, padded to whole registers.
    pub(crate) depth: usize,
    /// Whether rows in are so narrow that their taps are gathered one value at a time.
    pub(crate) narrow: bool,
    /// `[panel][point][depth][NR]`
    pub(crate) weight: Aligned,
    /// `[panels · NR]`
    pub(crate) bias: Aligned,
    pub(crate) panels: usize,
    /// Panels whose products are computed before their inverse transform.
    pub(crate) group: usize,
    /// What follows the convolution in a residual unit.
    pub(crate) tail: Option<Tail>,
}

/// Second half of a residual unit.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) snake: Snake,
    pub(crate) operands: &'static Operands,
    /// `[panel][words of the channels][NR]`
    pub(crate) weight: Aligned,
    pub(crate) bias: Aligned,
    /// Rows from a row out to the row in that is added to it, in the buffer with its leading zeros.
    pub(crate) offset: usize,
}

impl Wide {
    /// Rows of `weight` before those of a panel and point.
    pub(crate) fn weight_at(&self, panel: usize, point: usize) -> usize {
        (panel * self.toom.points + point) * self.depth
    }

    /// The name of the way it is computed.
    fn method(&self, taps: usize) -> String {
        let Coefficients { outputs, .. } = self.toom.coefficients;
        let direct = self.toom.is_direct();
        let convolution = if direct { "direct".to_owned() } else { format!("F({outputs},{taps})") };
        let of_bf16 = |operands: &Operands| operands.per_word > 1;
        match &self.tail {
            _ if of_bf16(self.operands) => convolution + " bf16",
            Some(tail) if of_bf16(tail.operands) => convolution + " + bf16",
            _ => convolution,
        }
    }

    /// Tiles in a group: the interleaved undilated problems of a dilated convolution.
    pub(crate) fn tiles_per_unit(&self, dilation: usize) -> usize {
        if self.toom.is_direct() { 1 } else { dilation }
    }
}

impl Layer {
    /// Groups out that are always computed together, counted from the start of the signal.
    pub(crate) fn unit(&self) -> usize {
        match &self.kind {
            Kind::Wide(w) => w.toom.coefficients.outputs * w.tiles_per_unit(self.geometry.dilation),
            Kind::Pointwise | Kind::Dots { .. } => 1,
        }
    }

    /// Values of a group in and of a group out, in memory.
    pub(crate) fn widths(&self) -> (usize, usize) {
        let g = &self.geometry;
        (g.in_group * self.in_stride, g.out_group * self.out_stride)
    }

    /// Units worked on at once, by one thread or, for layers with large weights, by all.
    pub(crate) fn units_per_block(&self) -> usize {
        let Kind::Wide(w) = &self.kind else { return 512 };
        TILES.div_ceil(w.tiles_per_unit(self.geometry.dilation))
    }

    /// Units that a layer works on in one go, where it has so many.
    pub(crate) fn block_units(&self, threads: usize) -> usize {
        let block = self.units_per_block();
        if threads == 1 || self.heavy() {
            return block;
        }
        let (_, macs) = self.macs(block * self.unit());
        let each = (LEAST_MACS / macs.max(1.0)).ceil().clamp(2.0, 8.0);
        each as usize * threads * block
    }

    /// How many of the units that are ready a layer works on when more are to come.
    ///
    /// What is ready is still in a fast cache, and what is left over is kept and moved, so a layer does not wait for a
    /// whole block, which its look-ahead would always leave short: three quarters will do, cut to whole
    /// register tiles of `rows` rows. Large weights wait, as reading them costs more.
    pub(crate) fn units_now(&self, ready: usize, rows: usize, threads: usize) -> usize {
        let block = self.block_units(threads);
        if ready >= block {
            return block;
        }
        let step = match &self.kind {
            Kind::Wide(w) => {
                let tiles = w.tiles_per_unit(self.geometry.dilation);
                (1..=rows).find(|n| (n * tiles).is_multiple_of(rows)).unwrap_or(1)
            }
            Kind::Pointwise | Kind::Dots { .. } => 1,
        };
        let units = ready / step * step;
        if self.heavy() || 4 * units < 3 * block { 0 } else { units }
    }

    /// Whether the weights do not fit into a core's caches, so that threads share a block and split its
    /// columns, not the time.
    pub(crate) fn heavy(&self) -> bool {
        matches!(&self.kind, Kind::Wide(w) if w.weight.as_slice().len() > HEAVY)
    }

    /// Multiply-adds for so many groups out: of direct convolution, and of the layer's method without its transforms, where the
    /// values of a word count as one.
    fn macs(&self, groups: usize) -> (f64, f64) {
        let g = &self.geometry;
        let tap = groups as f64 * (g.in_group * g.in_channels * g.out_group * g.out_channels) as f64;
        let taps = g.taps as f64;
        match &self.kind {
            Kind::Pointwise => (0.0, 0.0),
            Kind::Dots { .. } => (tap * taps, tap * taps),
            Kind::Wide(w) => {
                let outputs = w.toom.coefficients.outputs as f64;
                let products = if w.toom.is_direct() { taps } else { w.toom.points as f64 / outputs };
                let (all, needed) = (tap * taps, tap * products / w.operands.per_word as f64);
                match &w.tail {
                    Some(tail) => (all + tap, needed + tap / tail.operands.per_word as f64),
                    None => (all, needed),
                }
            }
        }
    }

    /// What the layer does for a signal of so many rows out.
    pub(crate) fn info(&self, rows: usize) -> LayerInfo {
        let (direct_macs, needed_macs) = self.macs(rows.div_ceil(self.geometry.out_group));
        let method = match &self.kind {
            Kind::Pointwise => "pointwise".to_owned(),
            Kind::Dots { .. } => "dots".to_owned(),
            Kind::Wide(w) => w.method(self.geometry.taps),
        };
        LayerInfo { name: self.name.clone(), calls: self.calls.clone(), method, direct_macs, needed_macs }
    }
}
