//! Reading of test files.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use dac_audio::{AudioError, AudioReader, DamagePolicy, NonFinitePolicy, Planar, ReadBackend, ReadOptions};

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

pub(crate) const SILENCE: ReadOptions = ReadOptions {
    damage: DamagePolicy::Silence,
    non_finite: NonFinitePolicy::Error,
    backend: ReadBackend::Builtin,
};

pub(crate) fn path(name: &str) -> PathBuf {
    let data: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/data"].iter().collect();
    ["oddities", "formats", "invalid"]
        .map(|folder| data.join(folder).join(name))
        .into_iter()
        .find(|p| p.exists())
        .unwrap()
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

/// Samples, whether the file is truncated, places and samples of damage, and the warning.
pub(crate) struct Found {
    pub(crate) samples: Planar,
    pub(crate) truncated: bool,
    pub(crate) damage: (u64, u64),
    pub(crate) warning: String,
    pub(crate) promised: Option<u64>,
}

impl Found {
    pub(crate) fn len(&self) -> usize {
        self.samples[0].len()
    }
}

pub(crate) fn drain(mut reader: AudioReader) -> Result<Found, AudioError> {
    let mut samples = vec![Vec::new(); reader.spec().channels];
    let promised = reader.spec().samples;
    while let Some(block) = reader.next_block(1_000)? {
        for (to, from) in samples.iter_mut().zip(block) {
            to.extend(from);
        }
    }
    let damage = (reader.damage().places, reader.damage().samples);
    let warning = reader.warning().unwrap_or_default().to_owned();
    Ok(Found { samples, truncated: reader.is_truncated(), damage, warning, promised })
}

pub(crate) fn read_with(name: &str, bytes: Vec<u8>, options: ReadOptions) -> Result<Found, AudioError> {
    drain(AudioReader::from_seekable_with(Cursor::new(bytes), name, options)?)
}

pub(crate) fn read(name: &str) -> Result<Found, AudioError> {
    read_with(name, bytes(name), ReadOptions::default())
}

pub(crate) fn read_bytes(name: &str, bytes: Vec<u8>) -> Result<Found, AudioError> {
    read_with(name, bytes, ReadOptions::default())
}

pub(crate) fn source() -> Planar {
    read("source.wav").unwrap().samples
}

pub(crate) fn snr_db(wanted: &[f32], found: &[f32]) -> f64 {
    let pairs = || wanted.iter().zip(found).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let signal: f64 = pairs().map(|(a, _)| a * a).sum();
    let noise: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    10.0 * (signal / noise.max(1e-30)).log10()
}

pub(crate) fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|v| v * v).sum::<f32>() / samples.len() as f32).sqrt()
}
