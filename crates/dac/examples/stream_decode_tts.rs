//! Decodes codes that arrive frame by frame, as a text-to-speech model produces them, to raw f32 samples.
//!
//! `cargo run -p dac --example stream_decode_tts > speech.f32`
#![allow(clippy::print_stderr, reason = "examples print")]

use std::error::Error;
use std::io::{self, Write};

use dac::{
    Audio, Codes, Dac, Device, EncodeOptions, LoadOptions, ModelSource, OutputRate, Preset, PushDecodeSession,
};

fn main() -> Result<(), Box<dyn Error>> {
    // Low latency makes the engine return every frame as soon as possible.
    let options = LoadOptions { low_latency: true, ..LoadOptions::on(Device::Cpu) };
    let codec = Dac::open(&ModelSource::Preset(Preset::Tiny), None, &options)?;
    let (codes, meta) = {
        let audio = Audio::mono((0..44_100).map(|i| 0.3 * (i as f32 * 0.05).sin()).collect(), 44_100);
        let tokens = codec.encode(&audio, &EncodeOptions::default())?;
        (tokens.codes.ok_or("no codes")?, tokens.meta)
    };

    let mut session = PushDecodeSession::new(&codec, &meta, 1, OutputRate::Model)?;
    eprintln!("{} Hz, latency {} frames", session.rate_hz(), session.latency_frames());
    let mut out = io::stdout().lock();
    for frame in frames(&codes) {
        write_samples(&mut out, &session.push(&frame)?[0])?;
    }
    write_samples(&mut out, &session.finish(None)?[0])?;
    Ok(())
}

/// Stands for the model: yields codes `[1, codebooks, 1]`, one frame at a time.
fn frames(codes: &Codes) -> impl Iterator<Item = Codes> + '_ {
    (0..codes.frames()).map(|frame| codes.slice_frames(frame..frame + 1))
}

fn write_samples(out: &mut impl Write, samples: &[f32]) -> io::Result<()> {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    out.write_all(&bytes)?;
    out.flush()
}
