//! Fixtures, arrays with known values, and seeded mutations of files.
#![allow(dead_code, unused_imports)]

#[path = "../../../dac-pickle/tests/common/files.rs"]
mod files;

use dac_rvq::{Array3, Codes};

pub(crate) use files::{bytes, mutate, path, peak_mib};

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
