//! Test signals and reference values, from the same formulas as in `fixtures/python/make_audio_meters.py`.

use std::f64::consts::PI;

/// Generates white noise in `[-scale, scale)` with a linear congruential generator.
pub(crate) fn noise(mut seed: u64, samples: usize, scale: f64) -> Vec<f64> {
    (0..samples)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            scale * ((seed >> 40) as f64 / f64::from(1 << 23) - 1.0)
        })
        .collect()
}

/// Generates a sine with phase 0.
pub(crate) fn sine(rate_hz: u32, hz: f64, samples: usize, amplitude: f64) -> Vec<f64> {
    let step = 2.0 * PI * hz / f64::from(rate_hz);
    (0..samples).map(|n| amplitude * (step * n as f64).sin()).collect()
}

/// Rounds signals to `f32`.
pub(crate) fn samples(channels: &[Vec<f64>]) -> Vec<Vec<f32>> {
    channels.iter().map(|plane| plane.iter().map(|&value| value as f32).collect()).collect()
}

/// Looks up the two values of a line in `tests/data/meters.tsv`.
pub(crate) fn expected(kind: &str, name: &str) -> Option<(f64, f64)> {
    include_str!("../data/meters.tsv").lines().find_map(|line| {
        let mut fields = line.split('\t');
        let found = fields.next() == Some(kind) && fields.next() == Some(name);
        let (first, second) = (fields.next(), fields.next());
        found.then_some(())?;
        Some((first?.parse().ok()?, second?.parse().ok()?))
    })
}
