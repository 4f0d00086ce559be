//! Streams: the state of one signal that passes through a pipeline.

use super::{
    Inner,
    geometry::Geometry,
    scratch::{RunContext, ScratchPool},
};
use crate::{NonFinite, Schedule, Threads, buffer::Queue, first_non_finite};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// One signal that passes through a [`crate::Pipeline`]; each layer keeps the past input that it still needs.
///
/// Pushing a signal in pieces of any size and calling [`PipelineStream::finish`] gives the same rows as
/// running the layers on the whole signal, each padded with zeros at the start and end. The sizes of the
/// pieces and the number of threads do not change a bit of the output.
#[derive(Debug)]
pub struct PipelineStream {
    pipeline: Arc<Inner>,
    /// The geometry of each layer, with padding or without.
    geometry: Arc<[Geometry]>,
    signal: Signal,
    scratch: ScratchPool,
    times: Vec<Duration>,
    non_finite: Option<NonFinite>,
}

/// The state of a signal in all layers.
#[derive(Debug, Default)]
struct Signal {
    layers: Vec<LayerState>,
    /// Rows of the last layer, at its row stride.
    out: Queue,
}

/// The state of a signal in one layer.
#[derive(Debug)]
struct LayerState {
    /// Rows in, from the first group in of the next span.
    rows: Queue,
    /// Number of rows in so far.
    received: usize,
    /// Number of spans computed so far.
    spans_done: usize,
}

impl Signal {
    /// Starts a signal in the memory of an old one.
    fn new(pipeline: &Inner, geometry: &[Geometry], old: Self) -> Self {
        let mut queues = old.layers.into_iter().map(|state| state.rows);
        let leads = pipeline.layers.iter().zip(geometry).map(|(l, g)| g.lead * l.in_stride);
        let layers = leads.map(|lead| LayerState {
            rows: Queue::new(lead, queues.next().unwrap_or_default()),
            received: 0,
            spans_done: 0,
        });
        Self { layers: layers.collect(), out: Queue::new(0, old.out) }
    }
}

/// The rows that a layer computes in a run.
#[derive(Clone, Copy, PartialEq)]
enum RunMode {
    /// Full blocks, or nearly full ones.
    FullBlocks,
    /// All rows whose input is complete.
    Ready,
    /// All rows up to the end of the signal.
    Finish,
}

impl PipelineStream {
    pub(crate) fn new(pipeline: Arc<Inner>, geometry: Arc<[Geometry]>) -> Self {
        let signal = Signal::new(&pipeline, &geometry, Signal::default());
        let times = vec![Duration::ZERO; pipeline.layers.len()];
        Self { pipeline, geometry, signal, scratch: ScratchPool::default(), times, non_finite: None }
    }

    /// Takes `rows`, `[rows][in_channels]`, and appends the rows that are ready, `[rows_out][out_channels]`.
    ///
    /// An incomplete last row is ignored.
    pub fn push(&mut self, rows: &[f32], out: &mut Vec<f32>) {
        let mode = match self.pipeline.options.schedule {
            Schedule::LowLatency => RunMode::Ready,
            Schedule::Throughput => RunMode::FullBlocks,
        };
        self.process(rows, mode, out);
    }

    /// Ends the signal, appends its remaining rows to `out`, and resets the stream.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        self.process(&[], RunMode::Finish, out);
        self.start_signal();
    }

    /// Discards the signal; the next push starts a new one.
    pub fn reset(&mut self) {
        self.non_finite = None;
        self.start_signal();
    }

    /// Returns the origin of the first value that was not finite since the stream was created or reset;
    /// finishing a signal keeps it.
    ///
    /// If one layer computes such a value and the next layer does not use it, it may be missed. Every such
    /// value that reaches the output has an origin.
    pub fn non_finite(&self) -> Option<NonFinite> {
        self.non_finite
    }

    fn start_signal(&mut self) {
        self.signal = Signal::new(&self.pipeline, &self.geometry, std::mem::take(&mut self.signal));
    }

    /// Returns the time spent in each layer since the stream was created, in the order of
    /// [`crate::Pipeline::layers`]; all zero unless [`crate::PipelineOptions::timings`] is set.
    pub fn layer_times(&self) -> &[Duration] {
        &self.times
    }

    /// Processes `rows` in the thread pool of the options.
    fn process(&mut self, rows: &[f32], mode: RunMode, out: &mut Vec<f32>) {
        let pipeline = self.pipeline.clone();
        match (&pipeline.pool, &pipeline.options.threads) {
            (Some(pool), _) => {
                let threads = pool.current_num_threads();
                pool.install(|| self.feed(&pipeline, rows, mode, threads, out));
            }
            (None, Threads::Current) => self.feed(&pipeline, rows, mode, rayon::current_num_threads(), out),
            (None, _) => self.feed(&pipeline, rows, mode, 1, out),
        }
    }

    /// Passes the rows to the first layer in pieces of one run, which bounds the memory.
    fn feed(&mut self, pipeline: &Inner, rows: &[f32], mode: RunMode, threads: usize, out: &mut Vec<f32>) {
        let Some(first) = pipeline.layers.first() else { return };
        let (channels, stride) = (first.geometry.in_channels, first.in_stride);
        let groups_per_run = first.spans_per_run(threads) * first.groups_per_span();
        let rows_per_run = groups_per_run * first.geometry.in_group;
        let rows = &rows[..rows.len() / channels * channels];
        let mut runner = Runner {
            pipeline,
            geometry: &self.geometry,
            scratch: &self.scratch,
            times: &mut self.times,
            non_finite: &mut self.non_finite,
            threads,
        };
        let Signal { layers, out: computed } = &mut self.signal;
        for rows in rows.chunks(rows_per_run.max(1) * channels) {
            let count = rows.len() / channels;
            let to = layers[0].rows.append(count * stride);
            if stride == channels {
                to.copy_from_slice(rows);
            } else {
                let pairs = to.chunks_exact_mut(stride).zip(rows.chunks_exact(channels));
                pairs.for_each(|(to, row)| {
                    to[..channels].copy_from_slice(row);
                    to[channels..].fill(0.0);
                });
            }
            layers[0].received += count;
            runner.run_from(layers, computed, 0, RunMode::FullBlocks);
            move_rows(pipeline, computed, out);
        }
        if mode == RunMode::FullBlocks {
            return;
        }
        for first in 0..pipeline.layers.len() {
            runner.run_from(layers, computed, first, mode);
            move_rows(pipeline, computed, out);
        }
    }
}

/// Moves the computed rows of the last layer to the caller.
fn move_rows(pipeline: &Inner, computed: &mut Queue, out: &mut Vec<f32>) {
    let Some(last) = pipeline.layers.last() else { return };
    let channels = last.geometry.out_channels;
    let rows = computed.as_slice();
    if last.out_stride == channels {
        out.extend_from_slice(rows);
    } else {
        rows.chunks_exact(last.out_stride).for_each(|row| out.extend_from_slice(&row[..channels]));
    }
    computed.drop_back(computed.len());
}

/// Runs the layers depth first, so that later layers use the output of a block while it is in the caches.
struct Runner<'a> {
    pipeline: &'a Inner,
    geometry: &'a [Geometry],
    scratch: &'a ScratchPool,
    times: &'a mut [Duration],
    non_finite: &'a mut Option<NonFinite>,
    threads: usize,
}

impl Runner<'_> {
    /// Runs layer `index` in the given mode, and the following layers on full blocks.
    fn run_from(&mut self, states: &mut [LayerState], out: &mut Queue, index: usize, mode: RunMode) {
        let pipeline = self.pipeline;
        let (Some(layer), Some(g)) = (pipeline.layers.get(index), self.geometry.get(index)) else { return };
        let groups_per_span = layer.groups_per_span();
        let (in_width, out_width) = layer.group_widths();
        loop {
            let (current, following) = states.split_at_mut(index + 1);
            let Some(state) = current.last_mut() else { return };
            let total = match mode {
                RunMode::Finish => g.groups_total(state.received).div_ceil(groups_per_span),
                RunMode::FullBlocks | RunMode::Ready => g.groups_ready(state.received) / groups_per_span,
            };
            let ready = total.saturating_sub(state.spans_done);
            let spans = match mode {
                RunMode::FullBlocks => layer.spans_to_run(ready, pipeline.kernels.mr, self.threads),
                RunMode::Ready | RunMode::Finish => ready.min(layer.spans_per_run(self.threads)),
            };
            if spans == 0 {
                return;
            }
            let groups = spans * groups_per_span;
            let needed = (groups + g.reach()) * in_width;
            if state.rows.len() < needed {
                // Only at the end of the signal: the zeros after it.
                let missing = needed - state.rows.len();
                state.rows.append(missing).fill(0.0);
            }
            let to = match following.first_mut() {
                Some(next) => &mut next.rows,
                None => &mut *out,
            };
            let y = to.append(groups * out_width);
            let start = pipeline.options.timings.then(Instant::now);
            let ctx = RunContext { kernels: pipeline.kernels, scratch: self.scratch, threads: self.threads };
            layer.run(ctx, &state.rows.as_slice()[..needed], spans, y);
            if let (Some(start), Some(time)) = (start, self.times.get_mut(index)) {
                *time += start.elapsed();
            }
            // A convolution spreads a value that is not finite to all channels of its rows.
            if self.non_finite.is_none() && y.chunks_exact(layer.out_stride).any(|row| !row[0].is_finite()) {
                let is_earlier = first_non_finite(&state.rows.as_slice()[..needed]).is_some();
                *self.non_finite = Some(match index {
                    0 if is_earlier => NonFinite::Input,
                    _ => NonFinite::Layer(index - usize::from(is_earlier)),
                });
            }
            // Counted from the first computed row, rows before `g.skip` and after the end are dropped.
            let before = state.spans_done * groups_per_span * g.out_group;
            let computed = groups * g.out_group;
            state.spans_done += spans;
            state.rows.drop_front(groups * in_width);
            let end = (g.skip + g.rows_out(state.received)).saturating_sub(before).min(computed);
            let skipped = g.skip.saturating_sub(before).min(end);
            to.drop_back((computed - end) * layer.out_stride);
            to.remove_before(skipped * layer.out_stride, (end - skipped) * layer.out_stride);
            if let Some(next) = following.first_mut() {
                next.received += end - skipped;
                self.run_from(states, out, index + 1, RunMode::FullBlocks);
            }
        }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;
    use crate::{ConvParams, ConvTransposeParams, Pipeline, PipelineOptions, pipeline::Layer};

    /// A row number beyond 32 bits; 24 hours at 44.1 kHz are 3.8e9 rows.
    const LATE: usize = 1 << 33;

    impl PipelineStream {
        /// Renumbers the rows as if at least `LATE` rows had come before them.
        fn postpone(&mut self) {
            let layers = self.pipeline.layers.iter().zip(&*self.geometry);
            let grid = |(l, g): (&Layer, &Geometry)| l.groups_per_span() * g.in_group * g.out_group;
            let mut rows = LATE * layers.clone().map(grid).product::<usize>();
            for ((layer, g), state) in layers.zip(&mut self.signal.layers) {
                // The rows skipped at the start of the signal must already be computed.
                assert!(state.spans_done * layer.groups_per_span() * g.out_group > g.skip);
                state.received += rows;
                state.spans_done += rows / (layer.groups_per_span() * g.in_group);
                rows = rows / g.in_group * g.out_group;
                assert!(rows >= LATE);
            }
        }
    }

    #[test]
    fn row_numbers_beyond_32_bits_give_the_same_output() {
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
