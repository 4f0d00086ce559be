//! A stream of any length: what a session holds does not grow with what went through it.

use std::alloc::System;
use std::path::Path;

use dac::{
    ChannelMix, Dac, Device, EncodeOptions, EncodeSession, LiveDecoder, LoadOptions, ModelSource, OutputRate,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// This file holds one test, since the counts are the whole process's.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RATE_HZ: u32 = 22_050;
/// Less than a byte a frame of what passes between the two measurements.
const MOST_GROWTH_BYTES: isize = 2048;

fn held_bytes() -> isize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.cast_signed() - stats.bytes_deallocated.cast_signed()
}

/// The most that is held during `seconds` of an encode and a decode of two channels that are resampled both ways.
fn most_held(
    seconds: usize,
    encoder: &mut EncodeSession,
    decoder: &mut LiveDecoder,
    noise: &mut u32,
) -> isize {
    let mut most = isize::MIN;
    for _ in 0..10 * seconds {
        let mut channel = || {
            (0..RATE_HZ / 10)
                .map(|_| {
                    *noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    f32::from((*noise >> 16) as u16) / 131_072.0 - 0.25
                })
                .collect::<Vec<f32>>()
        };
        encoder.push(vec![channel(), channel()]).unwrap();
        if let Some(codes) = encoder.take_codes().unwrap() {
            decoder.push(&codes).unwrap();
        }
        most = most.max(held_bytes());
    }
    most
}

#[test]
fn a_long_stream_does_not_grow() {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/16khz/weights.pth");
    for (device, seconds) in [(Device::Cpu, 120), (Device::Flex, 3)] {
        if !Device::compiled().contains(&device) {
            continue;
        }
        let mut load = LoadOptions::on(device);
        load.threads = Some(1);
        let dac = Dac::open(&ModelSource::File(weights.clone()), None, &load).unwrap();
        let mut options = EncodeOptions::default();
        options.channels = ChannelMix::Keep;
        options.chunk = dac::Chunking::Exact { chunk_seconds: 0.5 };
        let mut encoder = EncodeSession::new(&dac, RATE_HZ, 2, &options).unwrap();
        let mut decoder = LiveDecoder::new(&dac, &encoder.meta(), 2, OutputRate::Input).unwrap();
        let mut noise = 1;
        // The engine collects seconds before it works, and layers of unlike blocks meet seldom: until all layers have done so, more and more is held.
        most_held(seconds, &mut encoder, &mut decoder, &mut noise);
        let first = most_held(seconds, &mut encoder, &mut decoder, &mut noise);
        // As much again lies between the two stretches that are compared.
        most_held(2 * seconds, &mut encoder, &mut decoder, &mut noise);
        let last = most_held(seconds, &mut encoder, &mut decoder, &mut noise);
        let (growth, frames) = (last - first, 3 * seconds * 50);
        assert!(growth <= MOST_GROWTH_BYTES, "{device}: {growth} bytes more after {frames} frames");

        // What is not taken is kept: the measure sees it.
        let mut hoarder = EncodeSession::new(&dac, RATE_HZ, 2, &options).unwrap();
        let block = || vec![vec![0.1; RATE_HZ as usize]; 2];
        (0..4).for_each(|_| hoarder.push(block()).unwrap());
        let before = held_bytes();
        (0..3 * seconds).for_each(|_| hoarder.push(block()).unwrap());
        assert!(held_bytes() - before > MOST_GROWTH_BYTES, "{device}");
    }
}
