//! Measures the CPU time of live streams with full-size random networks against that of whole signals.
//!
//! `cargo run --release --example streaming -- [decode|encode|both] [seconds] [repeats] [threads] [frames…]`
//!
//! Whole signals and blocks of each number of frames take turns; medians and their ratios are printed, and
//! the signal-to-noise ratio of each output against direct convolution, then the mean time of each layer in
//! microseconds per frame.
#![allow(clippy::print_stdout)]

mod networks;

use dac_kernels::*;
use fastrand::Rng;
use networks::*;
use std::time::Instant;

const FRAME_SAMPLES: usize = 512;

fn run(stream: &mut PipelineStream, input: &[f32], push: usize) -> (f64, f64, Vec<f32>) {
    let (mut out, cpu, wall) = (Vec::new(), cpu_seconds(), Instant::now());
    input.chunks(push).for_each(|rows| stream.push(rows, &mut out));
    stream.finish(&mut out);
    (cpu_seconds() - cpu, wall.elapsed().as_secs_f64(), out)
}

fn snr_db(got: &[f32], want: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v) * f64::from(v);
    let error: f64 = got.iter().zip(want).map(|(a, b)| square(a - b)).sum();
    10.0 * (want.iter().map(|&v| square(v)).sum::<f64>() / error).log10()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let arg = |i: usize, or: &str| args.get(i).cloned().unwrap_or_else(|| or.to_owned());
    let what = arg(1, "both");
    let seconds: f64 = arg(2, "3").parse().expect("seconds should be a number");
    let repeats: usize = arg(3, "5").parse().expect("repeats should be a number");
    let threads: usize = arg(4, "1").parse().expect("threads should be a number");
    let parse = |v: &String| v.parse::<usize>().expect("frames should be a number");
    let mut blocks: Vec<usize> = args.iter().skip(5).map(parse).collect();
    if blocks.is_empty() {
        blocks = vec![1, 2, 4, 8, 16, 32];
    }
    let isa = Isa::from_env().expect("DAC_CPU should name an instruction set of this processor");
    let frames = (seconds * 44100.0 / FRAME_SAMPLES as f64) as usize;
    for (name, build, channels, rows_per_frame) in [
        ("decode", decoder as fn(PipelineOptions) -> Pipeline, 1024, 1),
        ("encode", encoder, 1, FRAME_SAMPLES),
    ] {
        if what != "both" && what != name {
            continue;
        }
        let frame = rows_per_frame * channels;
        let input = values(&mut Rng::with_seed(3), frames * frame, 1.0);
        let options =
            PipelineOptions { isa, threads: Threads::Count(threads), timings: true, ..Default::default() };
        let whole = build(options.clone());
        let block_rows = 8 * rows_per_frame;
        let live = build(PipelineOptions { schedule: Schedule::LowLatency, block_rows, ..options.clone() });
        let exact = build(PipelineOptions { precision: Precision::Exact, ..options });
        let want = run(&mut exact.stream(), &input, input.len()).2;
        drop(exact);
        let mut cases = vec![(0, whole.stream(), vec![], vec![])];
        cases.extend(blocks.iter().map(|&b| (b, live.stream(), vec![], vec![])));
        let mut snr = vec![0.0; cases.len()];
        for repeat in 0..=repeats {
            for ((block, stream, cpu, wall), snr) in cases.iter_mut().zip(&mut snr) {
                let push = if *block == 0 { input.len() } else { *block * frame };
                let (c, w, out) = run(stream, &input, push);
                if repeat == 0 {
                    *snr = snr_db(&out, &want);
                } else {
                    cpu.push(c);
                    wall.push(w);
                }
            }
        }
        let base = median(&mut cases[0].2);
        for ((block, _, cpu, wall), snr) in cases.iter_mut().zip(snr) {
            let (c, w) = (median(cpu), median(wall));
            println!("{name} {block:3} frames: {c:.3} s CPU, {:.2}; {w:.3} s wall; {snr:.1} dB", c / base);
        }
        for (i, layer) in live.layers(0).iter().enumerate() {
            print!("{:32} {:>9}", layer.name, layer.method);
            for (_, stream, ..) in &cases {
                let seconds = stream.layer_times().get(i).map_or(0.0, |time| time.as_secs_f64());
                print!(" {:8.0}", 1e6 * seconds / ((repeats + 1) * frames) as f64);
            }
            println!();
        }
    }
}
