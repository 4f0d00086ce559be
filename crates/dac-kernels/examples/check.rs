//! Holds every instruction set of this processor against the plain twins, in a single thread.
//!
//! For emulators, some of which cannot start threads: the test harness always does, this does not.
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;
use common::*;
use dac_kernels::*;

fn main() {
    // Packing uses rayon's global pool: let it be this thread.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().expect("a pool of the current thread");
    for level in CpuLevel::available() {
        for (precision, most) in [(Precision::F32, 1e-4), (Precision::Exact, 1e-5)] {
            for net in nets() {
                let options =
                    PipelineOptions { level, precision, threads: Threads::Count(1), ..Default::default() };
                let pipeline = net.pipeline(options);
                for rows in [0, 1, 7, 63] {
                    let x = noise(rows * net.in_channels(), 21);
                    let (mut got, mut stream) = (Vec::new(), pipeline.stream());
                    stream.push(&x, &mut got);
                    stream.finish(&mut got);
                    let what = format!("{} {level} {precision}, {rows} rows", net.name);
                    assert_within(&got, &net.reference(&x), most, &what);
                }
            }
            println!("{level} {precision}: all networks equal their plain twins");
        }
    }
}
