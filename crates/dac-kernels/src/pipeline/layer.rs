//! One packed layer, and the number of spans it computes at once.

use super::geometry::Geometry;
use crate::{
    LayerInfo,
    isa::{Coefficients, OperandKernels},
    packed::PackedSection,
    winograd::Winograd,
};
use std::ops::Range;

/// The most values of a weight that the caches of a core hold: 12 MiB. Threads share the blocks of a larger
/// one.
pub(crate) const MAX_CACHED_WEIGHT: usize = 3 << 20;

/// Tiles of a block: their input for one point fits into the second-level cache together with a panel.
const BLOCK_TILES: usize = 72;

/// The least multiply-adds per thread and run, within limits, so that threads rarely wait for each other.
const MIN_THREAD_MACS: f64 = 100e6;

/// A packed layer.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) name: String,
    /// The builder's calls that it implements.
    pub(crate) calls: Range<usize>,
    pub(crate) geometry: Geometry,
    /// Values from one row in to the next; channels beyond `geometry.in_channels` are 0.
    pub(crate) in_stride: usize,
    /// Values from one row out to the next.
    pub(crate) out_stride: usize,
    /// The snake before the operation.
    pub(crate) snake: Option<Snake>,
    pub(crate) operation: Operation,
    /// A tanh after the operation.
    pub(crate) tanh: bool,
}

/// The operation of a layer, between its snake and its tanh.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Nothing; without a snake, the layer copies rows to another stride.
    Elementwise,
    /// A convolution as matrix products.
    Gemm(Box<GemmConv>),
    /// A convolution with one output channel.
    SingleOutput {
        /// `[taps][in_stride]`
        weight: PackedSection,
        /// One value.
        bias: PackedSection,
    },
}

/// The constants of a snake for padded rows.
#[derive(Debug)]
pub(crate) struct Snake {
    pub(crate) alpha: PackedSection,
    /// 1 / (α + 1e-9)
    pub(crate) inverse: PackedSection,
}

/// A convolution over groups as matrix products.
#[derive(Debug)]
pub(crate) struct GemmConv {
    pub(crate) winograd: Winograd,
    /// Groups in per tile: the points of a Winograd convolution, or the taps of a direct one.
    pub(crate) inputs: usize,
    pub(crate) operands: &'static OperandKernels,
    /// Words of a packed row of A, padded to whole registers.
    pub(crate) depth: usize,
    /// Copies the taps of a row one value at a time, because a row in is not a whole number of registers.
    pub(crate) gathers_values: bool,
    /// `[panel][point][depth][NR]`
    pub(crate) weight: PackedSection,
    /// `[panels · NR]`
    pub(crate) bias: PackedSection,
    pub(crate) panels: usize,
    /// Panels multiplied with one point of A before the next point.
    pub(crate) panels_per_batch: usize,
    /// The second half of a residual unit.
    pub(crate) fused: Option<FusedPointwise>,
}

/// The second half of a residual unit: snake, pointwise convolution, and sum with the unit's input.
#[derive(Debug)]
pub(crate) struct FusedPointwise {
    pub(crate) snake: Snake,
    pub(crate) operands: &'static OperandKernels,
    /// `[panel][words of the channels][NR]`
    pub(crate) weight: PackedSection,
    pub(crate) bias: PackedSection,
    /// Row out r is added to row in r + `residual_offset`, counted with the leading zeros of the input.
    pub(crate) residual_offset: usize,
}

impl Snake {
    /// Returns α and 1 / (α + 1e-9) of a padded row.
    pub(super) fn constants(&self) -> (&[f32], &[f32]) {
        (self.alpha.words(), self.inverse.words())
    }
}

impl GemmConv {
    /// Returns the first row of `weight` for a panel and point.
    pub(crate) fn first_weight_row(&self, panel: usize, point: usize) -> usize {
        (panel * self.winograd.points + point) * self.depth
    }

    /// Returns the name of the algorithm (see [`LayerInfo::method`]).
    fn method_name(&self, taps: usize) -> String {
        let Coefficients { outputs, .. } = self.winograd.coefficients;
        let direct = self.winograd.is_direct();
        let convolution = if direct { "direct".to_owned() } else { format!("F({outputs},{taps})") };
        let is_bf16 = |operands: &OperandKernels| operands.per_word > 1;
        match &self.fused {
            _ if is_bf16(self.operands) => convolution + " bf16",
            Some(fused) if is_bf16(fused.operands) => convolution + " + bf16",
            _ => convolution,
        }
    }

    /// Returns the number of tiles of a span: those that a dilated Winograd convolution interleaves.
    pub(crate) fn tiles_per_span(&self, dilation: usize) -> usize {
        if self.winograd.is_direct() { 1 } else { dilation }
    }
}

impl Layer {
    fn gemm(&self) -> Option<&GemmConv> {
        if let Operation::Gemm(conv) = &self.operation { Some(conv) } else { None }
    }

    /// Returns the number of groups out of a span.
    pub(crate) fn groups_per_span(&self) -> usize {
        self.gemm().map_or(1, |conv| {
            conv.winograd.coefficients.outputs * conv.tiles_per_span(self.geometry.dilation)
        })
    }

    /// Returns the number of tiles of a span.
    pub(crate) fn tiles_per_span(&self) -> usize {
        self.gemm().map_or(1, |conv| conv.tiles_per_span(self.geometry.dilation))
    }

    /// Returns the number of tiles that compute `groups` groups out. An incomplete last span has only the
    /// tiles whose first group out is among them.
    pub(crate) fn tiles(&self, groups: usize) -> usize {
        let (span, tiles) = (self.groups_per_span(), self.tiles_per_span());
        groups / span * tiles + (groups % span).min(tiles)
    }

    /// Returns the number of groups in that the tiles of `groups` groups out read.
    pub(crate) fn groups_read(&self, groups: usize) -> usize {
        groups.next_multiple_of(self.groups_per_span()) + self.geometry.reach()
    }

    /// Returns the number of values of a group in and of a group out, in memory.
    pub(crate) fn group_widths(&self) -> (usize, usize) {
        let g = &self.geometry;
        (g.in_group * self.in_stride, g.out_group * self.out_stride)
    }

    /// Returns the number of tiles of a block.
    fn tiles_per_block(&self) -> usize {
        if self.gemm().is_some() { BLOCK_TILES } else { 512 }
    }

    /// Returns the number of spans of a block.
    pub(crate) fn spans_per_block(&self) -> usize {
        self.tiles_per_block().div_ceil(self.tiles_per_span())
    }

    /// Returns the number of tiles per block that divides `tiles` tiles evenly among blocks of about the
    /// usual size, a multiple of `blocks_multiple` in number.
    pub(crate) fn even_block_tiles(&self, tiles: usize, mr: usize, threads: usize) -> usize {
        let usual = self.tiles_per_block();
        let blocks = ((tiles + usual / 2) / usual).max(1).next_multiple_of(threads.max(1));
        let step = mr.max(self.tiles_per_span());
        tiles.div_ceil(blocks).next_multiple_of(step)
    }

    /// Returns the most spans of one call of [`Layer::run`].
    pub(crate) fn spans_per_run(&self, threads: usize) -> usize {
        let block = self.spans_per_block();
        if threads == 1 || self.exceeds_cache() {
            return block;
        }
        let (_, macs) = self.macs(block * self.groups_per_span());
        let blocks_per_thread = (MIN_THREAD_MACS / macs.max(1.0)).ceil().clamp(2.0, 8.0);
        blocks_per_thread as usize * threads * block
    }

    /// Returns how many of the `ready` spans to compute now, if more input may follow.
    ///
    /// Input that is ready is still in a fast cache, and input that waits is kept and moved. So three
    /// quarters of the spans of a run are enough, rounded down to whole register tiles of `mr` rows; the
    /// layer's look-ahead would always leave the run slightly short. Large weights wait for a complete run,
    /// because reading them costs more.
    pub(crate) fn spans_to_run(&self, ready: usize, mr: usize, threads: usize) -> usize {
        let most = self.spans_per_run(threads);
        if ready >= most {
            return most;
        }
        let tiles = self.gemm().map_or(mr, |conv| conv.tiles_per_span(self.geometry.dilation));
        let step = (1..=mr).find(|n| (n * tiles).is_multiple_of(mr)).unwrap_or(1);
        let spans = ready / step * step;
        if self.exceeds_cache() || 4 * spans < 3 * most { 0 } else { spans }
    }

    /// Reports whether the weights exceed the caches of a core; the threads then share a block's columns.
    pub(crate) fn exceeds_cache(&self) -> bool {
        self.gemm().is_some_and(|conv| conv.weight.len() > MAX_CACHED_WEIGHT)
    }

    /// Returns the multiply-adds for `groups` groups out: of direct convolution, and of the layer's algorithm
    /// without its transforms, where all values of a word count as one.
    fn macs(&self, groups: usize) -> (f64, f64) {
        let g = &self.geometry;
        let per_tap = groups as f64 * (g.in_group * g.in_channels * g.out_group * g.out_channels) as f64;
        let taps = g.taps as f64;
        match &self.operation {
            Operation::Elementwise => (0.0, 0.0),
            Operation::SingleOutput { .. } => (per_tap * taps, per_tap * taps),
            Operation::Gemm(conv) => {
                let outputs = conv.winograd.coefficients.outputs as f64;
                let points = conv.winograd.points as f64;
                let products = if conv.winograd.is_direct() { taps } else { points / outputs };
                let direct = per_tap * taps;
                let needed = per_tap * products / conv.operands.per_word as f64;
                match &conv.fused {
                    Some(fused) => (direct + per_tap, needed + per_tap / fused.operands.per_word as f64),
                    None => (direct, needed),
                }
            }
        }
    }

    /// Returns the bytes of the packed weights.
    pub(crate) fn weight_bytes(&self) -> usize {
        let values = match &self.operation {
            Operation::Elementwise => 0,
            Operation::SingleOutput { weight, .. } => weight.len(),
            Operation::Gemm(conv) => {
                let pointwise = conv.fused.as_ref().map_or(0, |fused| fused.weight.len());
                conv.weight.len() + pointwise
            }
        };
        values * size_of::<f32>()
    }

    /// Returns the multiply-adds of the layer's algorithm for `groups` groups out, without its transforms.
    pub(crate) fn needed_macs(&self, groups: usize) -> f64 {
        self.macs(groups).1
    }

    /// Returns the work of the layer for a signal of `rows` rows out.
    pub(crate) fn info(&self, rows: usize) -> LayerInfo {
        let (direct_macs, needed_macs) = self.macs(rows.div_ceil(self.geometry.out_group));
        let method = match &self.operation {
            Operation::Elementwise => "pointwise".to_owned(),
            Operation::SingleOutput { .. } => "dots".to_owned(),
            Operation::Gemm(conv) => conv.method_name(self.geometry.taps),
        };
        LayerInfo { name: self.name.clone(), calls: self.calls.clone(), method, direct_macs, needed_macs }
    }
}
