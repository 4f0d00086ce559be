//! The program `dac`, which the package installs as `dac-rs`.

use std::ffi::OsString;
use std::panic;

use pyo3::prelude::*;

use crate::failure::silence_panics;
use crate::tasks::run_one;

/// Runs the program and returns its exit code. The first argument is the program's name.
#[pyfunction]
pub(crate) fn run_program(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    // The program prints panics, as it does outside Python.
    drop(panic::take_hook());
    let exit_code = py.detach(|| dac_cli::run(arguments));
    silence_panics();
    exit_code
}

/// Panics, so that a test can see what becomes of it.
#[pyfunction]
pub(crate) fn panic_for_test(py: Python<'_>) -> PyResult<()> {
    run_one(py, 1, |_| panic!("a test asked for it"))
}
