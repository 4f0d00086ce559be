//! Streams that are pushed together return the bytes that they return separately.

mod common;
use common::*;
use dac_kernels::*;
use fastrand::Rng;

/// Pushes of random sizes to random subsets of streams, with ends and resets.
fn sweep(net: &Net, options: PipelineOptions, max_rows: usize, seed: u64) {
    let what = format!("{} {:?} seed {seed}", net.name, options.schedule);
    let (pipeline, channels) = (net.pipeline(options), net.in_channels());
    let mut random = Rng::with_seed(seed);
    let (mut together, mut separate) = (Vec::new(), Vec::new());
    for step in 0..25 {
        // Streams join and leave.
        if random.usize(..3) == 0 {
            together.push(pipeline.stream());
            separate.push(pipeline.stream());
        }
        if together.len() > 3 && random.usize(..6) == 0 {
            let leaving = random.usize(..together.len());
            drop((together.remove(leaving), separate.remove(leaving)));
        }
        let inputs: Vec<Option<(Vec<f32>, bool)>> = together
            .iter_mut()
            .zip(&mut separate)
            .map(|(together, separate)| {
                if random.usize(..12) == 0 {
                    together.reset();
                    separate.reset();
                }
                let rows = if random.usize(..8) == 0 { 0 } else { 1 + random.usize(..max_rows) };
                let is_last = random.usize(..10) == 0;
                let seed = random.usize(..1 << 20) as u64;
                (random.usize(..4) > 0).then(|| (noise(rows * channels, seed), is_last))
            })
            .collect();
        let mut got: Vec<Vec<f32>> = vec![Vec::new(); together.len()];
        let members = together.iter_mut().zip(&inputs).zip(&mut got);
        let pushes = members.filter_map(|((stream, input), out)| {
            let (rows, is_last) = input.as_ref()?;
            Some(StreamPush { stream, rows, is_last: *is_last, out })
        });
        PipelineStream::push_all(&mut pushes.collect::<Vec<_>>());
        for (i, (input, stream)) in inputs.iter().zip(&mut separate).enumerate() {
            let mut want = Vec::new();
            if let Some((rows, is_last)) = input {
                let push = StreamPush { stream, rows, is_last: *is_last, out: &mut want };
                PipelineStream::push_all(&mut [push]);
            }
            assert_same(&got[i], &want, &format!("{what}, step {step}, stream {i}"));
        }
    }
}

#[test]
fn streams_return_the_same_bytes_together_and_separately() {
    for schedule in [Schedule::LowLatency, Schedule::Throughput] {
        for seed in 0..3 {
            let options = PipelineOptions { schedule, ..Default::default() };
            sweep(&Net::decoder(48, &[4, 2], 16), options.clone(), 40, seed);
            sweep(&Net::encoder(12, &[2, 5], 12), options.clone(), 400, seed);
            sweep(&Net::new("unpadded", 8).residual(3, 0).conv(6, 4, 2, 1, 0), options, 40, seed);
        }
    }
}

#[test]
fn every_isa_and_precision_returns_the_same_bytes_together() {
    for isa in Isa::available() {
        for precision in [Precision::F32, Precision::Exact] {
            let schedule = Schedule::LowLatency;
            let options = PipelineOptions { isa, precision, schedule, ..Default::default() };
            sweep(&Net::decoder(40, &[2], 12), options, 20, 9);
        }
    }
}

/// The weights of these layers are so large that all threads share each block.
#[test]
fn large_layers_return_the_same_bytes_together_with_any_number_of_threads() {
    let net = Net::new("large residual", 680).residual(1, 3);
    let options = PipelineOptions { threads: Threads::Count(2), ..Default::default() };
    let (pipeline, x, y) = (net.pipeline(options), noise(40 * 680, 3), noise(31 * 680, 4));
    let want = [run(&pipeline, &x), run(&pipeline, &y)];
    let mut got = [Vec::new(), Vec::new()];
    let mut streams = [pipeline.stream(), pipeline.stream()];
    let pushes = streams.iter_mut().zip([&x, &y]).zip(&mut got);
    let pushes = pushes.map(|((stream, rows), out)| StreamPush { stream, rows, is_last: true, out });
    PipelineStream::push_all(&mut pushes.collect::<Vec<_>>());
    assert_same(&got[0], &want[0], "first");
    assert_same(&got[1], &want[1], "second");
}

#[test]
fn streams_of_different_pipelines_can_be_pushed_together() {
    let (a, b) = (Net::decoder(24, &[4, 2], 10), Net::new("pointwise", 12).conv(100, 1, 1, 1, 0));
    let pipelines = [&a, &b, &a].map(|net| net.pipeline(PipelineOptions::default()));
    let inputs = [&a, &b, &a].map(|net| noise(50 * net.in_channels(), 5));
    let mut streams = pipelines.each_ref().map(Pipeline::stream);
    let mut got = [Vec::new(), Vec::new(), Vec::new()];
    let pushes = streams.iter_mut().zip(&inputs).zip(&mut got);
    let pushes = pushes.map(|((stream, rows), out)| StreamPush { stream, rows, is_last: true, out });
    PipelineStream::push_all(&mut pushes.collect::<Vec<_>>());
    for ((pipeline, x), got) in pipelines.iter().zip(&inputs).zip(&got) {
        assert_same(got, &run(pipeline, x), "stream");
    }
}
