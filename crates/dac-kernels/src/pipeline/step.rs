//! Steps: rows of one or more signals, computed as far as the signals allow.
//!
//! Each step knows in advance how many groups every layer will compute for every signal. So blocks are
//! equally large, and a layer's last block needs no second pass over the weights for a few rows.

use super::{Inner, geometry::Geometry, scratch::RunContext, signal::Signal};
use std::time::{Duration, Instant};

/// How far a step computes a signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Extent {
    /// All spans whose input is complete. They are counted from the start of the signal.
    WholeSpans,
    /// All groups out whose input is complete. Spans are counted from the first group of the step.
    Ready,
    /// All groups out up to the end of the signal.
    Finish,
}

/// The state of a layer after a step.
#[derive(Clone, Copy, Debug)]
struct Goal {
    /// Rows in.
    rows: usize,
    /// Groups out.
    groups: usize,
}

/// A signal in a step.
pub(super) struct Member<'a> {
    geometry: &'a [Geometry],
    signal: &'a mut Signal,
    out: &'a mut Vec<f32>,
    goals: Vec<Goal>,
    /// Rows out after the step.
    rows_out: usize,
}

impl<'a> Member<'a> {
    /// Plans the step of a signal, whose new rows are already in the first layer.
    pub(super) fn new(
        pipeline: &Inner,
        geometry: &'a [Geometry],
        signal: &'a mut Signal,
        extent: Extent,
        out: &'a mut Vec<f32>,
    ) -> Self {
        let mut rows = signal.layers.first().map_or(0, |state| state.received);
        let goals = pipeline.layers.iter().zip(geometry).map(|(layer, g)| {
            let span = layer.groups_per_span();
            let groups = match extent {
                Extent::WholeSpans => g.groups_ready(rows) / span * span,
                Extent::Ready => g.groups_ready(rows),
                Extent::Finish => g.groups_total(rows),
            };
            let goal = Goal { rows, groups };
            rows = (groups * g.out_group).saturating_sub(g.skip).min(g.rows_out(rows));
            goal
        });
        let goals = goals.collect();
        Self { geometry, signal, out, goals, rows_out: rows }
    }

    /// Reports whether the step returns more rows than the signal has returned so far.
    pub(super) fn returns_rows(&self) -> bool {
        let last = self.signal.layers.last().zip(self.geometry.last());
        let returned = last.map_or(0, |(state, g)| (state.groups_done * g.out_group).saturating_sub(g.skip));
        self.rows_out > returned
    }

    /// Reports whether all rows in of a layer have arrived.
    fn is_complete(&self, index: usize) -> bool {
        self.signal.layers[index].received == self.goals[index].rows
    }

    /// Returns the number of groups out that a layer has left in this step.
    fn groups_left(&self, index: usize) -> usize {
        self.goals[index].groups.saturating_sub(self.signal.layers[index].groups_done)
    }

    /// Returns the number of groups out that a layer can compute now.
    fn groups_ready(&self, index: usize, span: usize) -> usize {
        let left = self.groups_left(index);
        if self.is_complete(index) {
            return left;
        }
        let state = &self.signal.layers[index];
        let ready = self.geometry[index].groups_ready(state.received).saturating_sub(state.groups_done);
        ready.min(left) / span * span
    }
}

/// A step of all its signals.
pub(super) struct Step<'a> {
    pipeline: &'a Inner,
    members: Vec<Member<'a>>,
    times: &'a mut [Duration],
    threads: usize,
    /// Tiles per block of each layer.
    block_tiles: Vec<usize>,
}

impl<'a> Step<'a> {
    pub(super) fn new(pipeline: &'a Inner, members: Vec<Member<'a>>, times: &'a mut [Duration]) -> Self {
        Self { pipeline, members, times, threads: 1, block_tiles: Vec::new() }
    }

    /// Returns the multiply-adds of the step.
    pub(super) fn macs(&self) -> f64 {
        let layers = self.pipeline.layers.iter().enumerate();
        let groups = |index: usize| self.members.iter().map(|m| m.groups_left(index)).sum();
        layers.map(|(index, layer)| layer.needed_macs(groups(index))).sum()
    }

    /// Computes the step with this number of threads, in the current pool.
    pub(super) fn run(mut self, threads: usize) {
        self.threads = threads;
        let layers = self.pipeline.layers.iter().enumerate();
        let block_tiles = layers.map(|(index, layer)| {
            let tiles = self.members.iter().map(|m| layer.tiles(m.groups_left(index))).sum();
            let blocks_multiple = if layer.exceeds_cache() { 1 } else { threads };
            layer.even_block_tiles(tiles, self.pipeline.kernels.mr, blocks_multiple)
        });
        self.block_tiles = block_tiles.collect();
        (0..self.pipeline.layers.len()).for_each(|index| self.advance(index));
    }

    /// Runs layer `index` as long as it has full blocks or all of its input, and the following layers on its
    /// output while that is in the caches.
    fn advance(&mut self, index: usize) {
        let pipeline = self.pipeline;
        let Some(layer) = pipeline.layers.get(index) else { return };
        let (span, span_tiles) = (layer.groups_per_span(), layer.tiles_per_span());
        let block_tiles = self.block_tiles[index];
        let run_tiles = if layer.exceeds_cache() { block_tiles } else { block_tiles * self.threads };
        loop {
            let ready = |m: &Member<'_>| layer.tiles(m.groups_ready(index, span));
            let tiles: usize = self.members.iter().map(ready).sum();
            let is_complete = self.members.iter().all(|m| m.is_complete(index));
            if tiles == 0 || (!is_complete && tiles < run_tiles) {
                return;
            }
            let (mut free, mut segments) = (run_tiles, Vec::new());
            let mut runs = Vec::with_capacity(self.members.len());
            for member in &mut self.members {
                let ready = member.groups_ready(index, span);
                let groups = if layer.tiles(ready) <= free {
                    ready
                } else {
                    let least = usize::from(segments.is_empty());
                    ((free / span_tiles).max(least) * span).min(ready)
                };
                runs.push((groups > 0).then(|| {
                    free = free.saturating_sub(layer.tiles(groups));
                    let (run, segment) = member.signal.start_run(index, layer, groups);
                    segments.push(segment);
                    run
                }));
            }
            let start = pipeline.options.timings.then(Instant::now);
            let ctx =
                RunContext { kernels: pipeline.kernels, scratch: &pipeline.scratch, threads: self.threads };
            layer.run(ctx, segments, block_tiles);
            if let (Some(start), Some(time)) = (start, self.times.get_mut(index)) {
                *time += start.elapsed();
            }
            for (member, run) in self.members.iter_mut().zip(runs) {
                let Some(run) = run else { continue };
                member.signal.end_run(layer, &member.geometry[index], run);
                if index + 1 == pipeline.layers.len() {
                    member.signal.take_rows(layer, member.out);
                }
            }
            self.advance(index + 1);
        }
    }
}
