//! Writes the JavaScript and TypeScript of a module: `dac-web-bindgen MODULE.wasm DIRECTORY`.

#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let module = arguments.next().context("no module given")?;
    let directory = arguments.next().context("no directory given")?;
    Bindgen::new().input_path(module).web(true)?.typescript(true).generate(directory)
}
