//! A signal on its way through a pipeline.

use super::{
    Inner,
    geometry::Geometry,
    run::{Context, ScratchPool},
};
use crate::{Schedule, Threads, buffer::Queue};
use std::{sync::Arc, time::Duration, time::Instant};

/// One signal on its way through a [`crate::Pipeline`]: each layer keeps the past it still needs.
///
/// Pushing a signal in pieces of any size, then [`Stream::finish`], gives the rows of the whole-signal chain in
/// which every layer pads with zeros at the true start and end. The sizes of the pieces and the number of threads
/// do not change a bit of them.
#[derive(Debug)]
pub struct Stream {
    pipeline: Arc<Inner>,
    /// Of each layer, with its padding or without.
    geometry: Arc<[Geometry]>,
    signal: Signal,
    scratch: ScratchPool,
    times: Vec<Duration>,
}

/// All that a stream knows of its signal.
#[derive(Debug, Default)]
struct Signal {
    stages: Vec<Stage>,
    /// Rows of the last layer, before the padding of their channels is left out.
    out: Queue,
}

/// What a layer remembers.
#[derive(Debug)]
struct Stage {
    /// Rows in, from the first group in of the next unit on.
    rows: Queue,
    /// Rows of the signal so far.
    received: usize,
    /// Units computed so far.
    units: usize,
}

impl Signal {
    /// The start of a signal, in the memory of one that is over.
    fn new(pipeline: &Inner, geometry: &[Geometry], over: Self) -> Self {
        let mut old = over.stages.into_iter().map(|stage| stage.rows);
        let leads = pipeline.layers.iter().zip(geometry).map(|(l, g)| g.lead * l.in_stride);
        let stages = leads.map(|lead| Stage {
            rows: Queue::new(lead, old.next().unwrap_or_default()),
            received: 0,
            units: 0,
        });
        Self { stages: stages.collect(), out: Queue::new(0, over.out) }
    }
}

/// How far a layer works on what it holds.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    /// Blocks that are whole or nearly so.
    Blocks,
    /// Whatever is ready.
    Ready,
    /// The end of the signal.
    End,
}

impl Stream {
    pub(crate) fn new(pipeline: Arc<Inner>, geometry: Arc<[Geometry]>) -> Self {
        let signal = Signal::new(&pipeline, &geometry, Signal::default());
        let times = vec![Duration::ZERO; pipeline.layers.len()];
        Self { pipeline, geometry, signal, scratch: ScratchPool::default(), times }
    }

    /// Takes `rows`, `[rows][in_channels]`, and appends the rows that are ready, `[rows_out][out_channels]`.
    ///
    /// A last row that is not whole is ignored.
    pub fn push(&mut self, rows: &[f32], out: &mut Vec<f32>) {
        self.work(rows, false, out);
    }

    /// Ends the signal: every layer pads with its zeros, the remaining rows are appended to `out`, and the stream is as
    /// new.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        self.work(&[], true, out);
        self.reset();
    }

    /// Forgets the signal: the stream is as new.
    pub fn reset(&mut self) {
        self.signal = Signal::new(&self.pipeline, &self.geometry, std::mem::take(&mut self.signal));
    }

    /// The time each layer has taken since the stream was made, in the order of
    /// [`crate::Pipeline::layers`]; all zero unless [`crate::PipelineOptions::timings`] is set.
    pub fn layer_times(&self) -> &[Duration] {
        &self.times
    }

    fn work(&mut self, rows: &[f32], end: bool, out: &mut Vec<f32>) {
        let pipeline = self.pipeline.clone();
        match &pipeline.options.threads {
            Threads::Count(1) => self.feed(&pipeline, rows, end, 1, out),
            Threads::Current => self.feed(&pipeline, rows, end, rayon::current_num_threads(), out),
            _ => match &pipeline.pool {
                Some(pool) => {
                    let threads = pool.current_num_threads();
                    pool.install(|| self.feed(&pipeline, rows, end, threads, out));
                }
                None => self.feed(&pipeline, rows, end, 1, out),
            },
        }
    }

    /// Hands the rows to the first layer piece by piece, so that memory does not grow with their number.
    fn feed(&mut self, pipeline: &Inner, rows: &[f32], end: bool, threads: usize, out: &mut Vec<f32>) {
        let Some(first) = pipeline.layers.first() else { return };
        let (channels, stride) = (first.geometry.in_channels, first.in_stride);
        let piece = first.block_units(threads) * first.unit() * first.geometry.in_group;
        let rows = &rows[..rows.len() / channels * channels];
        let (geometry, scratch) = (&*self.geometry, &self.scratch);
        let mut walk = Walk { pipeline, geometry, scratch, times: &mut self.times, threads };
        for rows in rows.chunks(piece.max(1) * channels) {
            let stage = &mut self.signal.stages[0];
            let count = rows.len() / channels;
            let to = stage.rows.grow(count * stride);
            if stride == channels {
                to.copy_from_slice(rows);
            } else {
                let pairs = to.chunks_exact_mut(stride).zip(rows.chunks_exact(channels));
                pairs.for_each(|(to, row)| {
                    to[..channels].copy_from_slice(row);
                    to[channels..].fill(0.0);
                });
            }
            stage.received += count;
            walk.down(&mut self.signal.stages, &mut self.signal.out, 0, Until::Blocks);
            self.signal.give(pipeline, out);
        }
        let until = match pipeline.options.schedule {
            _ if end => Until::End,
            Schedule::LowLatency => Until::Ready,
            Schedule::Throughput => return,
        };
        for first in 0..pipeline.layers.len() {
            walk.down(&mut self.signal.stages, &mut self.signal.out, first, until);
            self.signal.give(pipeline, out);
        }
    }
}

impl Signal {
    /// Moves the rows that came out of the last layer to the caller.
    fn give(&mut self, pipeline: &Inner, out: &mut Vec<f32>) {
        let Some(last) = pipeline.layers.last() else { return };
        let channels = last.geometry.out_channels;
        let rows = self.out.as_slice();
        if last.out_stride == channels {
            out.extend_from_slice(rows);
        } else {
            rows.chunks_exact(last.out_stride).for_each(|row| out.extend_from_slice(&row[..channels]));
        }
        self.out.shrink(self.out.len());
    }
}

/// The walk of rows through the layers, depth first: what a block gives is used by the layers after it while it is
/// in the caches.
struct Walk<'a> {
    pipeline: &'a Inner,
    geometry: &'a [Geometry],
    scratch: &'a ScratchPool,
    times: &'a mut [Duration],
    threads: usize,
}

impl Walk<'_> {
    fn down(&mut self, stages: &mut [Stage], out: &mut Queue, index: usize, until: Until) {
        let pipeline = self.pipeline;
        let (Some(layer), Some(g)) = (pipeline.layers.get(index), self.geometry.get(index)) else { return };
        let unit = layer.unit();
        let (wide_in, wide_out) = layer.widths();
        let reach = (g.taps - 1) * g.dilation;
        loop {
            let (here, after) = stages.split_at_mut(index + 1);
            let Some(stage) = here.last_mut() else { return };
            let units = match until {
                Until::End => g.groups_total(stage.received).div_ceil(unit).saturating_sub(stage.units),
                _ => (g.groups_ready(stage.received) / unit).saturating_sub(stage.units),
            };
            let units = match until {
                Until::Blocks => layer.units_now(units, pipeline.kernels.rows, self.threads),
                Until::Ready | Until::End => units.min(layer.block_units(self.threads)),
            };
            if units == 0 {
                return;
            }
            let needed = (units * unit + reach) * wide_in;
            if stage.rows.len() < needed {
                // Only at the end of the signal: the zeros after it.
                let missing = needed - stage.rows.len();
                stage.rows.grow(missing).fill(0.0);
            }
            let to = match after.first_mut() {
                Some(next) => &mut next.rows,
                None => &mut *out,
            };
            let y = to.grow(units * unit * wide_out);
            let start = pipeline.options.timings.then(Instant::now);
            let ctx = Context { kernels: pipeline.kernels, pool: self.scratch, threads: self.threads };
            layer.run(ctx, &stage.rows.as_slice()[..needed], units, y);
            if let (Some(start), Some(time)) = (start, self.times.get_mut(index)) {
                *time += start.elapsed();
            }
            // Rows are numbered from the first computed one; skip cuts the start, the length cuts the end.
            let before = stage.units * unit * g.out_group;
            let computed = units * unit * g.out_group;
            stage.units += units;
            stage.rows.drop_front(units * unit * wide_in);
            let end = (g.skip + g.rows_out(stage.received)).saturating_sub(before).min(computed);
            let skipped = g.skip.saturating_sub(before).min(end);
            to.shrink((computed - end) * layer.out_stride);
            to.cut(skipped * layer.out_stride, (end - skipped) * layer.out_stride);
            if let Some(next) = after.first_mut() {
                next.received += end - skipped;
                self.down(stages, out, index + 1, Until::Blocks);
            }
        }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;
    use crate::{ConvParams, ConvTransposeParams, Pipeline, PipelineOptions, pipeline::Layer};

    /// Rows that no 32-bit counter holds; 24 hours at 44.1 kHz are 3.8e9.
    const LATE: usize = 1 << 33;

    impl Stream {
        /// Renumbers the rows held, as if `LATE` rows or more had gone before them.
        fn postpone(&mut self) {
            let layers = self.pipeline.layers.iter().zip(&*self.geometry);
            let grid = |(l, g): (&Layer, &Geometry)| l.unit() * g.in_group * g.out_group;
            let mut rows = LATE * layers.clone().map(grid).product::<usize>();
            for ((layer, g), stage) in layers.zip(&mut self.signal.stages) {
                // What is skipped at the signal's start has to be over.
                assert!(stage.units * layer.unit() * g.out_group > g.skip);
                stage.received += rows;
                stage.units += rows / (layer.unit() * g.in_group);
                rows = rows / g.in_group * g.out_group;
                assert!(rows >= LATE);
            }
        }
    }

    #[test]
    fn late_rows_come_out_as_early_ones() {
        let conv = |in_channels, out_channels, kernel, stride, dilation, padding| ConvParams {
            in_channels,
            out_channels,
            kernel,
            stride,
            dilation,
            padding,
        };
        let up = ConvTransposeParams { in_channels: 24, out_channels: 20, kernel: 10, stride: 5, padding: 3 };
        let weights = |n: usize| (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 400.0).collect::<Vec<_>>();
        let options = PipelineOptions { schedule: Schedule::LowLatency, ..PipelineOptions::default() };
        let pipeline = Pipeline::builder(options)
            .conv(conv(1, 20, 7, 1, 1, 3), &weights(140), &weights(20))
            .conv(conv(20, 24, 8, 4, 1, 2), &weights(3840), &weights(24))
            .conv_transpose(up, &weights(4800), &weights(20))
            .conv(conv(20, 20, 7, 1, 3, 9), &weights(2800), &weights(20))
            .conv(conv(20, 1, 7, 1, 1, 3), &weights(140), &weights(1))
            .build()
            .unwrap();
        let signal = weights(1501);
        let run = |postpone: bool| {
            let (mut stream, mut out) = (pipeline.stream(), Vec::new());
            stream.push(&signal[..700], &mut out);
            if postpone {
                stream.postpone();
            }
            stream.push(&signal[700..], &mut out);
            stream.finish(&mut out);
            out
        };
        let early = run(false);
        assert_eq!(early.len(), pipeline.rows_out(signal.len()));
        assert_eq!(run(true), early);
    }
}
