//! Runs the developer tasks of the workspace (see the library of this crate).

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::main()
}
