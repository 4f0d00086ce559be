//! The program `dac`: audio to tokens and back, in batches. The binary and the Python package run it.
//!
//! `args` defines the command line, and each command has a module. Commands for many files run through
//! `batch`, which uses the library `dac-batch`.

#![forbid(unsafe_code)]

mod args;
mod batch;
mod bench;
mod console;
mod decode;
mod doctor;
mod download;
mod encode;
mod exit;
#[cfg(feature = "burn")]
mod formulations;
mod info;
mod load;
mod manifest;
mod models;
mod output;
mod progress;
mod report;
mod resources;
mod roundtrip;
mod roundtrip_table;
mod signals;
mod stdio;
mod token_settings;
mod tokens;

use std::ffi::OsString;

use anyhow::Error;

use args::{Cli, Command};
use exit::Exit;
use output::eprint_line;

/// Runs the program with its command line, whose first argument is its name, and returns its exit code.
///
/// Prints to the standard streams. A second Ctrl-C or SIGTERM ends the process at once.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match args::parse(arguments) {
        Ok(cli) => run_command(&cli).unwrap_or_else(|error| Exit::from_error(&error)).code(),
        Err(error) => {
            // Nothing can be reported when the standard streams are closed.
            let _ = error.print();
            u8::try_from(error.exit_code()).unwrap_or(u8::MAX)
        }
    }
}

fn run_command(cli: &Cli) -> Result<Exit, Error> {
    let computes = matches!(
        cli.command,
        Command::Encode(_)
            | Command::Decode(_)
            | Command::Roundtrip(_)
            | Command::Report(_)
            | Command::Tokens(_)
            | Command::Bench(_)
    );
    if computes {
        signals::report_limits();
    }
    if cfg!(debug_assertions) && computes {
        eprint_line("warning: this is a debug build, slower than a release build (cargo build --release)");
    }
    #[cfg(feature = "autotune-cache")]
    if let Some(folder) = dac::cache::Environment::from_process().autotune_folder() {
        dac::codec::set_autotune_dir(&folder);
    }
    match &cli.command {
        Command::Encode(args) => encode::run(args),
        Command::Decode(args) => decode::run(args),
        Command::Roundtrip(args) => roundtrip::run(args),
        Command::Report(args) => report::run(args),
        Command::Info(args) => info::run(args),
        Command::Tokens(action) => tokens::run(action),
        Command::Models(args) => models::run(args),
        Command::Download(args) => download::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Manifest(args) => manifest::run(args),
        Command::Doctor(args) => doctor::run(args),
    }
}
