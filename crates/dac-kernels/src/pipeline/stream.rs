//! Streams: signals that pass through a pipeline.

use super::{
    Inner,
    geometry::Geometry,
    scratch::RunContext,
    signal::Signal,
    step::{Extent, Member, Step},
};
use crate::{NonFinite, Schedule, Threads};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The least multiply-adds of a step of live streams that other threads share: about 31 frames of decoding. A
/// pipe must never be slower with more threads (see `docs/dev/live-streams.md`).
const MIN_SHARED_MACS: f64 = 10e9;

/// One signal that passes through a [`crate::Pipeline`]; each layer keeps the past input that it still needs.
///
/// Pushing a signal in pieces of any size and calling [`PipelineStream::finish`] gives the same rows as
/// running the layers on the whole signal, each padded with zeros at the start and end. The number of threads
/// does not change a bit of the output, nor does [`PipelineStream::push_all`] instead of separate pushes.
/// With [`Schedule::Throughput`] or [`crate::Precision::Exact`], the sizes of the pieces do not either.
#[derive(Debug)]
pub struct PipelineStream {
    pipeline: Arc<Inner>,
    /// The geometry of each layer, with padding or without.
    geometry: Arc<[Geometry]>,
    signal: Signal,
    times: Vec<Duration>,
    /// Rows pushed since the last step, with [`Schedule::LowLatency`].
    waiting_rows: usize,
}

/// Rows for one stream of [`PipelineStream::push_all`].
#[derive(Debug)]
pub struct StreamPush<'a> {
    /// The stream.
    pub stream: &'a mut PipelineStream,
    /// Rows in, as for [`PipelineStream::push`].
    pub rows: &'a [f32],
    /// Ends the signal after the rows, as [`PipelineStream::finish`] does.
    pub is_last: bool,
    /// Receives the rows out.
    pub out: &'a mut Vec<f32>,
}

impl PipelineStream {
    pub(crate) fn new(pipeline: Arc<Inner>, geometry: Arc<[Geometry]>) -> Self {
        let signal = Signal::new(&pipeline, &geometry, Signal::default());
        let times = vec![Duration::ZERO; pipeline.layers.len()];
        Self { pipeline, geometry, signal, times, waiting_rows: 0 }
    }

    /// Takes `rows`, `[rows][in_channels]`, and appends the rows that are ready, `[rows_out][out_channels]`.
    ///
    /// An incomplete last row is ignored.
    pub fn push(&mut self, rows: &[f32], out: &mut Vec<f32>) {
        let pipeline = self.pipeline.clone();
        match pipeline.options.schedule {
            Schedule::LowLatency => {
                Self::push_all(&mut [StreamPush { stream: self, rows, is_last: false, out }])
            }
            Schedule::Throughput => in_pool(&pipeline, |threads| self.feed(&pipeline, rows, threads, out)),
        }
    }

    /// Ends the signal, appends its remaining rows to `out`, and resets the stream.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        Self::push_all(&mut [StreamPush { stream: self, rows: &[], is_last: true, out }]);
    }

    /// Pushes rows to several streams and computes them layer by layer, so that the weights are read from
    /// memory once for all of them. Each stream returns the rows that are ready.
    ///
    /// A stream returns the bytes that it returns without the others; with [`Schedule::Throughput`], earlier
    /// than [`PipelineStream::push`], which collects large blocks. Streams of one pipeline are computed
    /// together; those of other pipelines follow.
    pub fn push_all(pushes: &mut [StreamPush<'_>]) {
        let mut left: Vec<&mut StreamPush<'_>> = pushes.iter_mut().collect();
        while let Some(first) = left.first() {
            let pipeline = first.stream.pipeline.clone();
            let of_pipeline = |push: &&mut StreamPush<'_>| Arc::ptr_eq(&push.stream.pipeline, &pipeline);
            let (mut together, others) = left.into_iter().partition::<Vec<_>, _>(of_pipeline);
            step(&pipeline, &mut together);
            left = others;
        }
    }

    /// Discards the signal; the next push starts a new one.
    pub fn reset(&mut self) {
        self.signal.non_finite = None;
        self.start_signal();
    }

    /// Returns the origin of the first value that was not finite since the stream was created or reset;
    /// finishing a signal keeps it.
    ///
    /// If one layer computes such a value and the next layer does not use it, it may be missed. Every such
    /// value that reaches the output has an origin.
    pub fn non_finite(&self) -> Option<NonFinite> {
        self.signal.non_finite
    }

    fn start_signal(&mut self) {
        self.signal = Signal::new(&self.pipeline, &self.geometry, std::mem::take(&mut self.signal));
        self.waiting_rows = 0;
    }

    /// Returns the time spent in each layer since the stream was created, in the order of
    /// [`crate::Pipeline::layers`]; all zero unless [`crate::PipelineOptions::timings`] is set. Layers of
    /// [`PipelineStream::push_all`] count for the first stream of the pipeline.
    pub fn layer_times(&self) -> &[Duration] {
        &self.times
    }

    /// Passes the rows to the first layer in pieces of one run, which bounds the memory, and computes full
    /// blocks.
    fn feed(&mut self, pipeline: &Inner, rows: &[f32], threads: usize, out: &mut Vec<f32>) {
        let (Some(first), Some(last)) = (pipeline.layers.first(), pipeline.layers.last()) else { return };
        let channels = first.geometry.in_channels;
        let groups_per_run = first.spans_per_run(threads) * first.groups_per_span();
        let rows_per_run = groups_per_run * first.geometry.in_group;
        let rows = &rows[..rows.len() / channels * channels];
        for rows in rows.chunks(rows_per_run.max(1) * channels) {
            self.signal.append(first, rows);
            self.run_full_blocks(pipeline, 0, threads);
            self.signal.take_rows(last, out);
        }
    }

    /// Runs layer `index` and the following layers on full blocks, or nearly full ones. Later layers use the
    /// output of a block while it is in the caches.
    fn run_full_blocks(&mut self, pipeline: &Inner, index: usize, threads: usize) {
        let geometry = self.geometry.clone();
        let (Some(layer), Some(g)) = (pipeline.layers.get(index), geometry.get(index)) else { return };
        let span = layer.groups_per_span();
        loop {
            let state = &self.signal.layers[index];
            let ready = g.groups_ready(state.received).saturating_sub(state.groups_done) / span;
            let spans = layer.spans_to_run(ready, pipeline.kernels.mr, threads);
            if spans == 0 {
                return;
            }
            let (run, segment) = self.signal.start_run(index, layer, spans * span);
            let start = pipeline.options.timings.then(Instant::now);
            let ctx = RunContext { kernels: pipeline.kernels, scratch: &pipeline.scratch, threads };
            layer.run(ctx, vec![segment], layer.spans_per_block() * layer.tiles_per_span());
            if let (Some(start), Some(time)) = (start, self.times.get_mut(index)) {
                *time += start.elapsed();
            }
            self.signal.end_run(layer, g, run);
            self.run_full_blocks(pipeline, index + 1, threads);
        }
    }
}

/// Runs work in the thread pool of the options, with its number of threads.
fn in_pool<R: Send>(pipeline: &Inner, work: impl FnOnce(usize) -> R + Send) -> R {
    match (&pipeline.pool, &pipeline.options.threads) {
        (Some(pool), _) => {
            let threads = pool.current_num_threads();
            pool.install(|| work(threads))
        }
        (None, Threads::Current) => work(rayon::current_num_threads()),
        (None, _) => work(1),
    }
}

/// Pushes rows to streams of one pipeline and computes what is ready.
fn step(pipeline: &Inner, pushes: &mut [&mut StreamPush<'_>]) {
    let Some(first) = pipeline.layers.first() else { return };
    let channels = first.geometry.in_channels;
    let (mut members, mut times) = (Vec::with_capacity(pushes.len()), None);
    for push in &mut *pushes {
        let rows = &push.rows[..push.rows.len() / channels * channels];
        let PipelineStream { geometry, signal, times: stream_times, waiting_rows, .. } = &mut *push.stream;
        signal.append(first, rows);
        *waiting_rows += rows.len() / channels;
        let extent = match pipeline.options.schedule {
            _ if push.is_last => Extent::Finish,
            Schedule::LowLatency => Extent::Ready,
            Schedule::Throughput => Extent::WholeSpans,
        };
        let member = Member::new(pipeline, geometry, signal, extent, push.out);
        // A few samples for an encoder complete no frame; their rows wait for the next push.
        let can_wait = extent == Extent::Ready && *waiting_rows < pipeline.rows_per_row_out;
        if can_wait && !member.returns_rows() {
            continue;
        }
        *waiting_rows = 0;
        members.push(member);
        times = times.or(Some(stream_times));
    }
    if let Some(times) = times {
        let step = Step::new(pipeline, members, times);
        let is_live = pipeline.options.schedule == Schedule::LowLatency;
        if !is_live || step.macs() >= MIN_SHARED_MACS {
            in_pool(pipeline, |threads| step.run(threads));
        } else {
            step.run(1);
        }
    }
    for push in pushes.iter_mut().filter(|push| push.is_last) {
        push.stream.start_signal();
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
            for ((_, g), state) in layers.zip(&mut self.signal.layers) {
                // The rows skipped at the start of the signal must already be computed.
                assert!(state.groups_done * g.out_group > g.skip);
                state.received += rows;
                state.groups_done += rows / g.in_group;
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
