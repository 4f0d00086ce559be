//! Fixtures, arrays with known values, and seeded mutations of files.
#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;

use dac_rvq::{Array3, Codes};
use fastrand::Rng;

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tokens").join(name)
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

pub(crate) fn code(c: usize, k: usize, t: usize) -> u16 {
    ((397 * c + 131 * k + 29 * t) % 1024) as u16
}

pub(crate) fn codes(channels: usize, codebooks: usize, frames: usize) -> Codes {
    let value =
        |i: usize| code(i / frames.max(1) / codebooks, i / frames.max(1) % codebooks, i % frames.max(1));
    let data = (0..channels * codebooks * frames).map(value).collect();
    Codes::new(data, [channels, codebooks, frames]).unwrap()
}

pub(crate) fn z(channels: usize, size: usize, frames: usize) -> Array3 {
    let place = |i: usize| (5 * (i / frames / size) + 3 * (i / frames % size) + i % frames) % 17;
    let data = (0..channels * size * frames).map(|i| (place(i) as f32 - 8.0) / 8.0).collect();
    Array3::new(data, [channels, size, frames]).unwrap()
}

/// The given frames of an array.
pub(crate) fn slice(array: &Array3, frames: std::ops::Range<usize>) -> Array3 {
    let [channels, size, all] = array.shape();
    let rows = array.as_slice().chunks(all).flat_map(|row| row[frames.clone()].to_vec());
    Array3::new(rows.collect(), [channels, size, frames.len()]).unwrap()
}

/// Makes one to four changes: flips bits, sets extreme values, truncates, copies a piece elsewhere.
pub(crate) fn mutate(random: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=random.usize(..4) {
        let length = bytes.len();
        let at = random.usize(..length.max(1));
        match random.usize(..6) {
            0 if length > 0 => bytes.truncate(at),
            1 if length > 8 => {
                let value = [u64::MAX, 1 << 60, 1 << 31, 0, 0xffff][random.usize(..5)];
                let at = random.usize(..length - 8);
                bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            2 if length > 16 => {
                let source = random.usize(..length - 16);
                bytes.copy_within(source..source + 16, at.min(length - 16));
            }
            _ if length > 0 => {
                bytes[at] = [bytes[at] ^ (1 << random.u8(..8)), 0xff, 0, b'.'][random.usize(..4)]
            }
            _ => {}
        }
    }
}

/// Peak memory of this process in MiB, or 0 if the system does not report it.
pub(crate) fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}
