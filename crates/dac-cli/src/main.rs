//! The binary `dac`: the program of this crate's library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    dac_cli::run(std::env::args_os()).into()
}
