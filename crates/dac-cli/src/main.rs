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
mod table;

use std::process::ExitCode;

use anyhow::Error;
use clap::Parser;

use args::{Cli, Command};
use exit::Exit;
use report::say;

fn main() -> ExitCode {
    run(&Cli::parse()).unwrap_or_else(|error| Exit::by(&error)).into()
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
        dac::codec::set_autotune_dir(&folder);
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
