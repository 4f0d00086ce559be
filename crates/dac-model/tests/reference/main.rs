//! Comparison with values and files of the reference, made by the scripts in `fixtures/python`.
#![allow(clippy::print_stderr, reason = "ties and skipped tests are reported")]

mod common;
mod damaged;
mod foreign;
#[cfg(feature = "burn")]
mod layers;
mod layouts;
mod parity;
#[cfg(all(feature = "wgpu", feature = "tiny"))]
mod wgpu;
