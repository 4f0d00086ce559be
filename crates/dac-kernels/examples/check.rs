//! Compares every instruction set of this processor with the reference, in a single thread.
//!
//! Meant for emulators that cannot start threads, as the test harness does.
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;
use common::*;
use dac_kernels::*;

fn main() {
    // Packing uses the global pool of rayon: make it this thread.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().expect("the global pool should not exist yet");
    for isa in Isa::available() {
        for (precision, bound) in [(Precision::F32, 1e-4), (Precision::Exact, 1e-5)] {
            for net in nets() {
                let options =
                    PipelineOptions { isa, precision, threads: Threads::Count(1), ..Default::default() };
                let pipeline = net.pipeline(options);
                for rows in [0, 1, 7, 63] {
                    let x = noise(rows * net.in_channels(), 21);
                    let got = run(&pipeline, &x);
                    let what = format!("{} {isa} {precision}, {rows} rows", net.name);
                    assert_within(&got, &net.reference(&x), bound, &what);
                }
            }
            println!("{isa} {precision}: all networks match the reference");
        }
        check_quantizer(isa);
        println!("{isa}: linear maps and nearest rows match the reference");
    }
}

fn check_quantizer(isa: Isa) {
    for (rows, features, outputs) in [(7, 100, 8), (29, 8, 33)] {
        let (weight, bias, x) = (noise(features * outputs, 1), noise(outputs, 2), noise(rows * features, 3));
        let mut got = Vec::new();
        Linear::new(isa, features, &weight, &bias).expect("the shapes should be valid").apply(&x, &mut got);
        let want = reference::linear(&weight, &bias, &x);
        assert_within(&got, &want, 1e-5, &format!("linear {features} to {outputs} {isa}"));
    }
    for (rows, dim, size) in [(70, 8, 1024), (5, 3, 37)] {
        let (book, x) = (noise(size * dim, 4), noise(rows * dim, 5));
        let mut got = Vec::new();
        Nearest::new(isa, dim, &book).expect("the codebook should be valid").search(&x, &mut got);
        assert_eq!(got, reference::nearest(&book, dim, &x), "nearest of {size} {isa}");
    }
}
