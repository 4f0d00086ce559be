//! Developer tasks: `cargo xtask parity|bench|dist|cross|interop|fuzz|audio|gpu|web|wheel|capi|tidy`.
//!
//! Tasks run the project's programs and other implementations and compare their results. xtask links no codec
//! crate: it builds in seconds and measures the shipped binary.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tasks print their results")]
#![allow(missing_docs, reason = "only the binary and the tests of this crate use the library")]

mod audio;
pub mod bench;
pub mod binary;
pub mod capi;
pub mod compare;
pub mod cross;
pub mod dist;
pub mod files;
pub mod fuzz;
pub mod gpu;
pub mod interop;
pub mod parity;
pub mod process;
pub mod python;
pub mod tensors;
pub mod tidy;
pub mod wav;
pub mod web;
pub mod wheel;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer tasks of the workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Compare a full-size model with the reference implementation.
    Parity(parity::Args),
    /// Measure encode and decode, store the run and render docs/benchmarks/README.md.
    Bench(bench::Args),
    /// Build the single-file binary that is shipped, with its checksum.
    Dist(dist::Args),
    /// Test the NEON kernels, and the shipped binary on an old processor, under QEMU.
    Cross(cross::Args),
    /// Read our token files and data sets with Python libraries.
    Interop(interop::Args),
    /// Run the fuzz targets for a limited time.
    Fuzz(fuzz::Args),
    /// Compare the audio readers with ffmpeg, opusdec and sox on hundreds of generated files.
    Audio(audio::Args),
    /// Build the kit that checks and measures the program on a machine with a GPU; try it on small input.
    Gpu(gpu::Args),
    /// Build the codec for browsers: the npm package and the page; serve and test them.
    Web(web::Args),
    /// Build the Python wheel, check it, and run its tests in an empty environment.
    Wheel(wheel::Args),
    /// Check the header of the C interface and run its test program, also under valgrind.
    Capi(capi::Args),
    /// Check rules that no compiler checks: module docs, sizes, dependencies between crates and modules.
    Tidy,
}

/// Runs the task named on the command line.
pub fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Parity(args) => parity::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Dist(args) => dist::run(&args),
        Task::Cross(args) => cross::run(&args),
        Task::Interop(args) => interop::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Audio(args) => audio::run(&args),
        Task::Gpu(args) => gpu::run(&args),
        Task::Web(args) => web::run(&args),
        Task::Wheel(args) => wheel::run(&args),
        Task::Capi(args) => capi::run(&args),
        Task::Tidy => tidy::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
