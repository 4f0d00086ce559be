//! Decodes a file to raw `f32` and prints its properties as one line of JSON.
//!
//! ```text
//! decode_pcm [--silence] INPUT OUTPUT.f32
//! ```
//!
//! `-` as input reads standard input.

#![allow(clippy::print_stdout, reason = "prints its result")]

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use dac_audio::{AudioReader, DamagePolicy, ReadOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let silence = arguments.iter().position(|argument| argument == "--silence");
    silence.map(|at| arguments.remove(at));
    let [input, output] = arguments.as_slice() else {
        return Err("usage: decode_pcm [--silence] INPUT OUTPUT.f32".into());
    };
    let damage = if silence.is_some() { DamagePolicy::Silence } else { DamagePolicy::Error };
    let options = ReadOptions { damage, ..ReadOptions::default() };
    let mut reader = match input.as_str() {
        "-" => AudioReader::from_stream(io::stdin(), "-")?,
        path => AudioReader::open_with(path, options)?,
    };
    let mut out = BufWriter::new(File::create(output)?);
    while let Some(block) = reader.next_block(1 << 16)? {
        for sample in 0..block[0].len() {
            for plane in &block {
                out.write_all(&plane[sample].to_le_bytes())?;
            }
        }
    }
    out.flush()?;
    let spec = reader.spec();
    println!(
        "{{\"rate\":{},\"channels\":{},\"samples\":{},\"header_samples\":{},\"truncated\":{},\"damaged\":{},\
         \"silence\":{},\"warning\":{:?},\"codec\":{:?}}}",
        spec.sample_rate_hz,
        spec.channels,
        reader.position(),
        spec.samples.map_or("null".to_owned(), |samples| samples.to_string()),
        reader.is_truncated(),
        reader.damage().places,
        reader.damage().samples,
        reader.warning().unwrap_or_default(),
        spec.codec
    );
    Ok(())
}
