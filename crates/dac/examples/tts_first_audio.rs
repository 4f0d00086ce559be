//! Simulates a text-to-speech model that generates frames of codes at a steady speed, decodes them as they
//! arrive, and reports the time to the first sample and the underruns of playback that starts with it.
//!
//! `cargo run --release -p dac --example tts_first_audio -- [tiny|44khz] [speed] [seconds]`
//!
//! `speed` is the model's speed relative to playback (default 2). `44khz` uses random weights.
#![allow(clippy::print_stdout, reason = "examples print")]

use std::error::Error;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use dac::{
    Audio, Codes, Dac, Device, EncodeOptions, LoadOptions, ModelSource, OutputRate, Preset, PushDecodeSession,
};

/// Samples returned by a push, with the time at which it returned.
struct Returned {
    time: Duration,
    samples: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let preset: Preset = args.first().map_or("tiny", String::as_str).parse()?;
    let speed: f64 = args.get(1).map_or("2", String::as_str).parse()?;
    let seconds: f64 = args.get(2).map_or("4", String::as_str).parse()?;
    let options = LoadOptions { low_latency: true, ..LoadOptions::on(Device::Cpu) };
    let source = match preset {
        Preset::Tiny => ModelSource::Preset(preset),
        _ => ModelSource::Random { preset, seed: 1 },
    };
    let codec = Dac::open(&source, None, &options)?;
    let rate_hz = codec.shape().sample_rate_hz;
    let signal = (0..(seconds * f64::from(rate_hz)) as usize).map(|i| 0.3 * (i as f32 * 0.05).sin());
    let tokens = codec.encode(&Audio::mono(signal.collect(), rate_hz), &EncodeOptions::default())?;
    let codes = tokens.codes.ok_or("no codes")?;
    let frame = Duration::from_secs_f64(codec.geometry().hop_samples as f64 / f64::from(rate_hz) / speed);

    println!("{preset}: {} frames at {speed} x real time", codes.frames());
    println!("{:<22}{:>17}{:>12}{:>14}", "blocks", "first sample ms", "underruns", "silence ms");
    for (name, block, ramp) in [
        ("1 frame", 1, None),
        ("8 frames", 8, None),
        ("16 frames", 16, None),
        ("ramp to 8 frames", 1, Some(8)),
    ] {
        let mut session = PushDecodeSession::new(&codec, &tokens.meta, 1, OutputRate::Model)?;
        if let Some(most) = ramp {
            session = session.with_ramp(most);
        }
        let returned = decode(session, &codes, frame, block)?;
        let first = returned.iter().find(|r| r.samples > 0).ok_or("no samples")?.time;
        let (underruns, silence) = play(&returned, rate_hz);
        let (first, silence) = (1e3 * first.as_secs_f64(), 1e3 * silence);
        println!("{name:<22}{first:>17.0}{underruns:>12}{silence:>14.0}");
    }
    Ok(())
}

/// Decodes frames that a thread generates, in pushes of at least `block` frames. Frames that arrive while a
/// push is computed are pushed together.
fn decode(
    mut session: PushDecodeSession,
    codes: &Codes,
    frame: Duration,
    block: usize,
) -> Result<Vec<Returned>, Box<dyn Error>> {
    let (sender, receiver) = mpsc::channel();
    let started = Instant::now();
    let frames: Vec<Codes> = (0..codes.frames()).map(|at| codes.slice_frames(at..at + 1)).collect();
    let generator = thread::spawn(move || {
        for (due, codes) in (1..).zip(frames) {
            thread::sleep((frame * due).saturating_sub(started.elapsed()));
            if sender.send(codes).is_err() {
                return;
            }
        }
    });
    let (mut returned, mut waiting) = (Vec::new(), Vec::new());
    while let Ok(codes) = receiver.recv() {
        waiting.push(codes);
        waiting.extend(receiver.try_iter());
        if waiting.len() >= block {
            let samples = session.push(&Codes::concat_frames(&waiting)?)?[0].len();
            returned.push(Returned { time: started.elapsed(), samples });
            waiting.clear();
        }
    }
    generator.join().map_err(|_| "the generator failed")?;
    let mut samples = 0;
    if !waiting.is_empty() {
        samples += session.push(&Codes::concat_frames(&waiting)?)?[0].len();
    }
    samples += session.finish(None)?[0].len();
    returned.push(Returned { time: started.elapsed(), samples });
    Ok(returned)
}

/// Plays the samples from the time of the first one on; returns the number of underruns and their seconds.
fn play(returned: &[Returned], rate_hz: u32) -> (usize, f64) {
    let (mut underruns, mut silence, mut played_until) = (0, 0.0, None);
    for Returned { time, samples } in returned.iter().filter(|r| r.samples > 0) {
        let now = time.as_secs_f64();
        let end = played_until.unwrap_or(now);
        if now > end {
            underruns += 1;
            silence += now - end;
        }
        played_until = Some(now.max(end) + *samples as f64 / f64::from(rate_hz));
    }
    (underruns, silence)
}
