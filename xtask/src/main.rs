//! Developer tasks: `cargo xtask parity|bench|dist|cross|interop|figures|fuzz|tidy`.
//!
//! A task runs the project's programs and the peers' as any user would and compares what they write. Nothing here links the
//! codec, so that a task builds in seconds and measures the binary that is shipped.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool talks to its user")]

mod bench;
mod binary;
mod compare;
mod cross;
mod dist;
mod figures;
mod fuzz;
mod interop;
mod parity;
mod process;
mod python;
mod tensors;
mod tidy;
mod wav;

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
    /// Compare a full-size model with the reference implementation, number by number.
    Parity(parity::Args),
    /// Measure encode and decode, keep the run, render docs/benchmarks.md.
    Bench(bench::Args),
    /// Make the one file that is shipped, with its checksum.
    Dist(dist::Args),
    /// Run the NEON kernels' checks and, on an old processor, the shipped binary, both under QEMU.
    Cross(cross::Args),
    /// Let numpy and torch read the token files that dac-tokens writes.
    Interop(interop::Args),
    /// Draw the pictures of the docs.
    Figures(figures::Args),
    /// Feed damaged and hostile files to every reader for a bounded time.
    Fuzz(fuzz::Args),
    /// Check the rules that no compiler checks: module docs, file lengths, dependency arrows.
    Tidy(tidy::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Parity(args) => parity::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Dist(args) => dist::run(&args),
        Task::Cross(args) => cross::run(&args),
        Task::Interop(args) => interop::run(&args),
        Task::Figures(args) => figures::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Tidy(args) => tidy::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
