//! One layer, packed.

use super::geometry::Geometry;
use crate::{LayerInfo, buffer::Aligned, toom::Toom};
use std::ops::Range;

/// Values of a layer's weights beyond which threads share its blocks: 12 MiB.
pub(crate) const HEAVY: usize = 3 << 20;

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
    /// Columns of the products' left side, padded to whole registers.
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
    /// `[panel][channels][NR]`
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

    /// Tiles in a group: the interleaved undilated problems of a dilated convolution.
    pub(crate) fn tiles_per_unit(&self, dilation: usize) -> usize {
        if self.toom.coefficients.pairs == 0 { 1 } else { dilation }
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
        let tiles = w.tiles_per_unit(self.geometry.dilation);
        let wanted: usize = if self.heavy() { 144 } else { 72 };
        wanted.div_ceil(tiles)
    }

    /// Units that are collected before the layer works.
    pub(crate) fn block_units(&self, threads: usize) -> usize {
        let blocks = if threads == 1 || self.heavy() { 1 } else { 2 * threads };
        blocks * self.units_per_block()
    }

    /// Whether the weights do not fit into a core's caches, so that threads share a block and split its
    /// columns, not the time.
    pub(crate) fn heavy(&self) -> bool {
        matches!(&self.kind, Kind::Wide(w) if w.weight.as_slice().len() > HEAVY)
    }

    /// What the layer does for a signal of so many rows out.
    pub(crate) fn info(&self, rows: usize) -> LayerInfo {
        let g = &self.geometry;
        let groups = rows.div_ceil(g.out_group) as f64;
        let tap = groups * (g.in_group * g.in_channels * g.out_group * g.out_channels) as f64;
        let taps = g.taps as f64;
        let (method, direct_macs, needed_macs) = match &self.kind {
            Kind::Pointwise => ("pointwise".to_owned(), 0.0, 0.0),
            Kind::Dots { .. } => ("dots".to_owned(), tap * taps, tap * taps),
            Kind::Wide(w) => {
                let outputs = w.toom.coefficients.outputs;
                let direct = w.toom.coefficients.pairs == 0;
                let tail = if w.tail.is_some() { tap } else { 0.0 };
                let needed = if direct { taps } else { w.toom.points as f64 / outputs as f64 };
                let method = if direct { "direct".to_owned() } else { format!("F({outputs},{})", g.taps) };
                (method, tap * taps + tail, tap * needed + tail)
            }
        };
        LayerInfo { name: self.name.clone(), calls: self.calls.clone(), method, direct_macs, needed_macs }
    }
}
