//! A signal on its way through a pipeline.

use super::Inner;
use std::sync::Arc;

/// One signal on its way through a [`crate::Pipeline`]: each layer keeps the past it still needs.
///
/// Pushing a signal in pieces of any size, then [`Stream::finish`], gives the rows of the whole-signal chain in
/// which every layer pads with zeros at the true start and end.
#[derive(Debug)]
pub struct Stream {
    pipeline: Arc<Inner>,
    stages: Vec<Stage>,
}

/// What a layer remembers.
#[derive(Debug)]
struct Stage {
    /// Rows in, from `first` (counting the leading zeros) on.
    rows: Vec<f32>,
    first: usize,
    /// Rows of the signal so far.
    received: usize,
    /// Groups given out so far.
    groups: usize,
}

impl Stream {
    pub(crate) fn new(pipeline: Arc<Inner>) -> Self {
        let stages = Self::fresh(&pipeline);
        Self { pipeline, stages }
    }

    fn fresh(pipeline: &Inner) -> Vec<Stage> {
        let stage = |l: &super::Layer| Stage {
            rows: vec![0.0; l.geometry.lead * l.geometry.in_channels],
            first: 0,
            received: 0,
            groups: 0,
        };
        pipeline.layers.iter().map(stage).collect()
    }

    /// Takes `rows`, `[rows][in_channels]`, and appends the rows that are ready, `[rows_out][out_channels]`.
    ///
    /// A last row that is not whole is ignored.
    pub fn push(&mut self, rows: &[f32], out: &mut Vec<f32>) {
        let channels = self.pipeline.layers.first().map_or(1, |l| l.geometry.in_channels);
        self.run(rows[..rows.len() / channels * channels].to_vec(), false, out);
    }

    /// Ends the signal: every layer pads with its zeros, the remaining rows are appended to `out`, and the stream is as
    /// new.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        self.run(Vec::new(), true, out);
        self.reset();
    }

    /// Forgets the signal: the stream is as new.
    pub fn reset(&mut self) {
        self.stages = Self::fresh(&self.pipeline);
    }

    fn run(&mut self, mut rows: Vec<f32>, last: bool, out: &mut Vec<f32>) {
        for (layer, stage) in self.pipeline.layers.iter().zip(&mut self.stages) {
            let g = &layer.geometry;
            stage.rows.extend_from_slice(&rows);
            stage.received += rows.len() / g.in_channels;
            let total = if last { g.groups_total(stage.received) } else { g.groups_ready(stage.received) };
            let groups = total.saturating_sub(stage.groups);
            let needed = (total + (g.taps - 1) * g.dilation) * g.in_group;
            let held = stage.first + stage.rows.len() / g.in_channels;
            if groups > 0 && held < needed {
                stage.rows.resize((needed - stage.first) * g.in_channels, 0.0);
            }
            rows.clear();
            layer.run(&stage.rows, groups, &mut rows);
            // Rows are numbered from the first computed one; skip cuts the start, the length cuts the end.
            let from = stage.groups * g.out_group;
            let end = (g.skip + g.rows_out(stage.received)).saturating_sub(from) * g.out_channels;
            rows.truncate(end);
            rows.drain(..(g.skip.saturating_sub(from) * g.out_channels).min(rows.len()));
            stage.groups += groups;
            let keep = (stage.groups * g.in_group - stage.first) * g.in_channels;
            stage.rows.drain(..keep.min(stage.rows.len()));
            stage.first = stage.groups * g.in_group;
        }
        out.extend_from_slice(&rows);
    }
}
