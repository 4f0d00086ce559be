//! The reference implementation's numbers and files, made by the scripts under `fixtures/python`.

mod common;
mod layouts;
mod parity;
