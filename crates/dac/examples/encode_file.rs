//! Encodes an audio file to a token file and prints its progress.
//!
//! `cargo run -p dac --example encode_file -- fixtures/audio/librivox_austen.wav tokens.safetensors`
//!
//! Uses the embedded model `tiny`; pass a preset (`44khz`) or a checkpoint as third argument for another one.
#![allow(clippy::print_stdout, reason = "examples print")]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use dac::audio::AudioReader;
use dac::tokens::{Format, WriteOptions};
use dac::{Dac, Device, EncodeOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, model @ ..] = arguments.as_slice() else {
        return Err("usage: encode_file INPUT OUTPUT.safetensors [MODEL]".into());
    };
    let codec = Dac::load(model.first().map_or("tiny", String::as_str), Device::Cpu)?;
    let rate_hz = AudioReader::open(input)?.spec().sample_rate_hz;

    // `Break` instead of `Continue` would cancel the encode.
    let mut progress = |samples: u64| {
        println!("{:.1} s encoded", samples as f64 / f64::from(rate_hz));
        ControlFlow::Continue(())
    };
    let tokens = codec.encode_file(input, &EncodeOptions::default(), &mut progress)?;
    tokens.write(Path::new(output), Format::Safetensors, &WriteOptions::default())?;

    let [channels, codebooks, frames] = tokens.shape().unwrap_or_default();
    println!("{output}: {channels} channel(s), {codebooks} codebooks, {frames} frames");
    Ok(())
}
