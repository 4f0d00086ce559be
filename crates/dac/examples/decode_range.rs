//! Decodes one second from the middle of a recording, at 16 kHz, from its first three codebooks.
//!
//! `cargo run -p dac --example decode_range -- fixtures/audio/librivox_austen.wav second.wav`
#![allow(clippy::print_stdout, reason = "examples print")]

use std::error::Error;

use dac::{Dac, DecodeOptions, Device, EncodeOptions, OutputRate, SampleFormat, TimeRange};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = arguments.as_slice() else {
        return Err("usage: decode_range INPUT OUTPUT.wav".into());
    };
    let codec = Dac::load("tiny", Device::Cpu)?;
    let tokens = codec.encode_file(input, &EncodeOptions::default(), &mut ())?;

    // Only the frames of the range and their context are decoded; the samples equal those of a whole decode.
    let options = DecodeOptions {
        codebooks: Some(3),
        output_rate: OutputRate::Hz(16_000),
        range: Some(TimeRange { start_seconds: 2.0, duration_seconds: 1.0 }),
        ..DecodeOptions::default()
    };
    let report = codec.decode_to_file(&tokens, output, SampleFormat::I16, &options, &mut ())?;
    println!("{output}: {} samples", report.samples);
    Ok(())
}
