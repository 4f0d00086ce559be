//! Memory of encode and decode sessions during a long stream.

use std::alloc::System;
use std::path::Path;

use dac::{
    ChannelMix, Dac, Device, EncodeOptions, EncodeSession, LoadOptions, ModelSource, OutputRate,
    PushDecodeSession,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts the allocations of the whole process, so that this file must contain only one test.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RATE_HZ: u32 = 22_050;
/// Less than one byte per frame between the two measurements.
const MAX_GROWTH_BYTES: isize = 2048;

fn allocated_bytes() -> isize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.cast_signed() - stats.bytes_deallocated.cast_signed()
}

/// Encodes and decodes `seconds` of two channels, resampled both ways, and returns the peak of the allocated
/// bytes.
fn peak_bytes(
    seconds: usize,
    encoder: &mut EncodeSession,
    decoder: &mut PushDecodeSession,
    noise: &mut u32,
) -> isize {
    let mut peak = isize::MIN;
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
        peak = peak.max(allocated_bytes());
    }
    peak
}

#[test]
fn memory_does_not_grow_during_a_long_stream() {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/parity/16khz/weights.pth");
    for (device, seconds) in [(Device::Cpu, 120), (Device::Flex, 3)] {
        if !Device::compiled().contains(&device) {
            continue;
        }
        let load = LoadOptions { threads: Some(1), ..LoadOptions::on(device) };
        let dac = Dac::open(&ModelSource::File(weights.clone()), None, &load).unwrap();
        let options = EncodeOptions {
            channels: ChannelMix::Keep,
            chunk: dac::Chunking::Exact { chunk_seconds: 0.5 },
            ..EncodeOptions::default()
        };
        let mut encoder = EncodeSession::new(&dac, RATE_HZ, 2, &options).unwrap();
        let mut decoder = PushDecodeSession::new(&dac, &encoder.meta(), 2, OutputRate::Input).unwrap();
        let mut noise = 1;
        // Buffers grow until every layer has met its largest block, which takes the engine some seconds.
        peak_bytes(seconds, &mut encoder, &mut decoder, &mut noise);
        let first = peak_bytes(seconds, &mut encoder, &mut decoder, &mut noise);
        peak_bytes(2 * seconds, &mut encoder, &mut decoder, &mut noise);
        let last = peak_bytes(seconds, &mut encoder, &mut decoder, &mut noise);
        let (growth, frames) = (last - first, 3 * seconds * 50);
        assert!(growth <= MAX_GROWTH_BYTES, "{device}: {growth} bytes more after {frames} frames");

        // Codes that are not taken accumulate, and the count shows it.
        let mut untaken = EncodeSession::new(&dac, RATE_HZ, 2, &options).unwrap();
        let block = || vec![vec![0.1; RATE_HZ as usize]; 2];
        (0..4).for_each(|_| untaken.push(block()).unwrap());
        let before = allocated_bytes();
        (0..3 * seconds).for_each(|_| untaken.push(block()).unwrap());
        assert!(allocated_bytes() - before > MAX_GROWTH_BYTES, "{device}");
    }
}
