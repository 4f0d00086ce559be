//! The reference implementation's numbers and files, made by the scripts under `fixtures/python`.
#![allow(clippy::print_stderr, reason = "excused ties are listed")]

mod common;
mod layouts;
mod parity;
