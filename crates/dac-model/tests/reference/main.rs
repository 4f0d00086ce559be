//! The reference implementation's numbers and files, made by the scripts under `fixtures/python`.
#![allow(clippy::print_stderr, reason = "excused ties and skipped tests are listed")]

mod common;
#[cfg(feature = "burn")]
mod layers;
mod layouts;
mod parity;
#[cfg(all(feature = "wgpu", feature = "tiny"))]
mod wgpu;
