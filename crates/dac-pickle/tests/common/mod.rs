//! Fixtures, their expected values, and seeded mutations of bytes.
#![allow(dead_code, unused_imports)]

mod files;

pub(crate) use files::{bytes, mutate, path, peak_mib};

pub(crate) fn code(c: usize, k: usize, t: usize) -> i64 {
    ((397 * c + 131 * k + 29 * t) % 1024) as i64
}

pub(crate) fn codes(channels: usize, codebooks: usize, frames: usize) -> Vec<i64> {
    let place = |i: usize| (i / (codebooks * frames), i / frames % codebooks, i % frames);
    (0..channels * codebooks * frames).map(place).map(|(c, k, t)| code(c, k, t)).collect()
}

pub(crate) fn z(d: usize, t: usize) -> f32 {
    (((3 * d + t) % 17) as f32 - 8.0) / 8.0
}
