//! Loads the model on the first device that works, and measures its speed on each device of this build.
//!
//! `cargo run -p dac --example pick_backend`
//!
//! Devices other than the CPU engine need their feature, for example `--features wgpu`.
#![allow(clippy::print_stdout, reason = "examples print")]

use std::error::Error;
use std::time::Instant;

use dac::{Audio, Dac, Device, EncodeOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let audio = Audio::mono((0..88_200).map(|i| 0.3 * (i as f32 * 0.05).sin()).collect(), 44_100);
    for device in Device::compiled() {
        match seconds_to_encode(device, &audio) {
            Ok(seconds) => println!("{device}: {:.1} times real time", 2.0 / seconds),
            Err(error) => println!("{device}: {error}"),
        }
    }
    let preferred = load_preferred(&[Device::Cuda(0), Device::Wgpu(None), Device::Cpu]);
    let (device, _codec) = preferred.ok_or("no device works")?;
    println!("preferred device: {device}");
    Ok(())
}

/// Loads the model on the first of `devices` that this build and this machine have.
fn load_preferred(devices: &[Device]) -> Option<(Device, Dac)> {
    devices.iter().find_map(|&device| Some((device, Dac::load("tiny", device).ok()?)))
}

fn seconds_to_encode(device: Device, audio: &Audio) -> Result<f64, dac::Error> {
    let codec = Dac::load("tiny", device)?;
    // The first encode on a GPU compiles its kernels.
    codec.encode(audio, &EncodeOptions::default())?;
    let start = Instant::now();
    codec.encode(audio, &EncodeOptions::default())?;
    Ok(start.elapsed().as_secs_f64())
}
