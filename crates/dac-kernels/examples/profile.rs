//! Measures encoding and decoding of 10 s of 44.1 kHz audio with full-size random networks.
//!
//! `cargo run --release --example profile -- [decode|encode|both] [threads] [repeats] [f32|exact|bf16]`
//!
//! Prints the multiply-add peak of a core, then for each layer its shortest time, the rate at which a direct
//! convolution would have to run in that time, and the share of the peak that the needed multiplications
//! reach. The environment variable `GAIN` scales the weights.
#![allow(clippy::print_stdout)]

mod networks;

use dac_kernels::*;
use fastrand::Rng;
use networks::*;
use std::time::Instant;

fn run(stream: &mut PipelineStream, input: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    stream.push(input, &mut out);
    stream.finish(&mut out);
    out
}

fn print_errors(out: &[f32], want: &[f32], rms: f64) {
    let errors = out.iter().zip(want).map(|(a, b)| f64::from(a - b));
    let largest = errors.clone().fold(0.0_f64, |m, e| m.max(e.abs()));
    let error = (errors.map(|e| e * e).sum::<f64>() / out.len() as f64).sqrt();
    let snr_db = 20.0 * (rms / error).log10();
    println!("compared with exact: {snr_db:.1} dB, largest difference {largest:.2e}");
}

/// Returns a memory field of `/proc/self/status` in MB.
fn status_mb(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with(field)).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn measure(name: &str, pipeline: &Pipeline, input: &[f32], repeats: usize, peak: f64) -> Vec<f32> {
    let mut stream = pipeline.stream();
    let mut out = Vec::new();
    let rows = input.len() / pipeline.in_channels();
    let layers = pipeline.layers(rows);
    let mut runs = Vec::new();
    let mut best = vec![f64::INFINITY; layers.len()];
    for _ in 0..repeats {
        let before = stream.layer_times().to_vec();
        let (cpu, wall) = (cpu_seconds(), Instant::now());
        out = run(&mut stream, input);
        runs.push((cpu_seconds() - cpu, wall.elapsed().as_secs_f64()));
        for ((best, after), before) in best.iter_mut().zip(stream.layer_times()).zip(before) {
            *best = best.min((*after - before).as_secs_f64());
        }
    }
    println!("{:32} {:>8} {:>9} {:>9} {:>7}", name, "method", "ms", "GFLOP/s", "% peak");
    let (mut direct, mut needed) = (0.0, 0.0);
    for (layer, &s) in layers.iter().zip(&best) {
        direct += layer.direct_macs;
        needed += layer.needed_macs;
        println!(
            "{:32} {:>8} {:9.2} {:9.0} {:7.1}",
            layer.name,
            layer.method,
            s * 1e3,
            2e-9 * layer.direct_macs / s,
            200.0 * layer.needed_macs / s / peak
        );
    }
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (layers, best, median) = (best.iter().sum::<f64>(), runs[0], runs[runs.len() / 2]);
    println!("{name}: median {:.2} s CPU, {:.2} s wall; best {:.2} s CPU", median.0, median.1, best.0);
    let (direct, needed) = (2.0 * direct / peak, 2.0 * needed / peak);
    println!("{name}: all layers {layers:.3} s; at the peak, direct {direct:.2} s, needed {needed:.2} s");
    println!("{name}: memory {:.0} MB, peak {:.0} MB", status_mb("VmRSS"), status_mb("VmHWM"));
    out
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let arg = |i: usize, or: &str| args.get(i).cloned().unwrap_or_else(|| or.to_owned());
    let what = arg(1, "both");
    let threads = Threads::Count(arg(2, "1").parse().expect("threads should be a number"));
    let repeats = arg(3, "3").parse().expect("repeats should be a number");
    let precision = arg(4, "f32").parse().expect("precision should be f32, exact or bf16");
    let isa = Isa::from_env().expect("DAC_CPU should name an instruction set of this processor");
    let options = PipelineOptions { isa, precision, threads, timings: true, ..Default::default() };
    let peak = fma_peak(isa);
    println!("{isa}: {:.0} GFLOP/s per core", peak / 1e9);
    for (name, build, channels, rows) in
        [("decode", decoder as fn(PipelineOptions) -> Pipeline, 1024, 861), ("encode", encoder, 1, 861 * 512)]
    {
        if what != "both" && what != name {
            continue;
        }
        let start = Instant::now();
        let pipeline = build(options.clone());
        println!("{name}: built with its random weights in {:.2} s", start.elapsed().as_secs_f64());
        let input = values(&mut Rng::with_seed(3), rows * channels, 1.0);
        let out = measure(name, &pipeline, &input, repeats, peak);
        let rms = (out.iter().map(|v| f64::from(v * v)).sum::<f64>() / out.len() as f64).sqrt();
        println!("output rms {rms:.3}");
        if precision != Precision::Exact && repeats == 1 {
            let exact = build(PipelineOptions { precision: Precision::Exact, ..options.clone() });
            print_errors(&out, &run(&mut exact.stream(), &input), rms);
        }
    }
}
