//! The binary `dac`: audio to tokens and back, in batches.
//!
//! [`args`] says what can be asked, [`plan`] checks it against the files that are there, [`batch`] carries it out file by file,
//! [`report`] says how each fared. The work itself is the library's.

mod args;
mod batch;
mod bench;
mod chunk;
mod comparison;
mod decode;
mod doctor;
mod download;
mod encode;
mod existing;
mod exit;
mod info;
mod manifest;
mod model;
mod models;
mod pipe;
mod plan;
mod process;
mod provenance;
mod report;
mod report_page;
mod roundtrip;

use std::io;
use std::process::ExitCode;

use anyhow::Error;
use clap::Parser;

use args::{Cli, Command};
use exit::{Exit, USAGE, Usage};
use plan::PlanError;
use report::{error_text, say};

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(exit) => exit.into(),
        // Whoever reads the output has seen enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {}", error_text(&error)));
            let usage = error.is::<Usage>() || error.is::<PlanError>();
            ExitCode::from(if usage { USAGE } else { 1 })
        }
    }
}

fn is_broken_pipe(error: &Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(cli: &Cli) -> Result<Exit, Error> {
    let computes = matches!(
        cli.command,
        Command::Encode(_)
            | Command::Decode(_)
            | Command::Roundtrip(_)
            | Command::Report(_)
            | Command::Bench(_)
    );
    if cfg!(debug_assertions) && computes {
        say("warning: this is a debug build, slower than a release build (cargo build --release)");
    }
    #[cfg(feature = "autotune-cache")]
    if let Some(folder) = dac::cache::Environment::from_process().autotune_folder() {
        dac::keep_autotune_in(&folder);
    }
    match &cli.command {
        Command::Encode(args) => encode::run(args),
        Command::Decode(args) => decode::run(args),
        Command::Roundtrip(args) => roundtrip::run(args),
        Command::Report(args) => report_page::run(args),
        Command::Info(args) => info::run(args),
        Command::Models(args) => models::run(args),
        Command::Download(args) => download::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Manifest(args) => manifest::run(args),
        Command::Doctor(args) => doctor::run(args),
    }
}
