//! The Descript Audio Codec for JavaScript.
//!
//! - [`Model`](model::Model) loads weights, encodes and decodes.
//! - [`Tokens`](tokens::Tokens) reads and writes token files.
//! - [`EncodeStream`](stream::EncodeStream) and [`DecodeStream`](stream::DecodeStream) take a signal in
//!   pieces.
//! - [`Comparison`](comparison::Comparison) makes the parts of a page that compares numbers of codebooks.
//!
//! Errors are JavaScript `Error`s with the library's messages.

#![forbid(unsafe_code)]

mod audio;
mod comparison;
mod model;
mod options;
mod source;
mod stream;
#[cfg(feature = "threads")]
pub mod threads;
mod tokens;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// Reports panics, which are faults of this library, to the console.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|panic| console_error(&format!("dac-web: {panic}"))));
}

/// Version of the package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Converts an error of the library.
fn js_error(error: impl std::fmt::Display) -> JsError {
    JsError::new(&error.to_string())
}
