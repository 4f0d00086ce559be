//! Reads a file to its end and prints what that took as one line of JSON.
//!
//! ```text
//! read_speed INPUT
//! ```
//!
//! Processor time and peak memory are those that Linux counts for the process.

#![allow(clippy::print_stdout, reason = "prints its result")]

use std::env;
use std::error::Error;
use std::fs;

use dac_audio::AudioReader;

/// Samples per channel that are read at a time.
const BLOCK_SAMPLES: usize = 1 << 16;

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: read_speed INPUT")?;
    let mut reader = AudioReader::open(path)?;
    let mut sum = 0.0;
    while let Some(block) = reader.next_block(BLOCK_SAMPLES)? {
        sum += block.iter().flatten().map(|&sample| f64::from(sample.abs())).sum::<f64>();
    }
    let spec = reader.spec();
    println!(
        "{{\"audio_seconds\":{},\"cpu_seconds\":{},\"peak_mb\":{},\"truncated\":{},\"mean\":{}}}",
        reader.position() as f64 / f64::from(spec.sample_rate_hz),
        cpu_seconds()?,
        peak_mb()?,
        reader.is_truncated(),
        sum / (reader.position().max(1) * spec.channels as u64) as f64,
    );
    Ok(())
}

/// Processor time of the only thread, in seconds.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: u64 = text.split(' ').next().ok_or("no time in schedstat")?.parse()?;
    Ok(nanoseconds as f64 / 1e9)
}

/// Peak of the memory in use, in MB.
fn peak_mb() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in status")?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1_024.0 / 1e6)
}
