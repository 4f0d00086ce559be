//! The test vector: one signal, one model, and the expected codes and audio.
//!
//! `fixtures/python/make_doctor.py` generates the same signal and computed the expected values with the
//! reference codec.

use dac::{Codes, ModelSource, Preset};
use serde::{Deserialize, Serialize};

/// Length of the signal, a little less than 12 frames.
const SAMPLES: usize = 12 * 512 - 77;
/// Largest accepted difference of two devices' audio for the same codes (`docs/dev/numerics.md`).
pub(super) const AUDIO_BOUND: f64 = 1e-4;
/// Seed of the weights in a build without the embedded model.
#[cfg(not(feature = "tiny"))]
const SEED: u64 = 1;

/// Description of the test vector for the record.
#[derive(Debug, Serialize)]
pub(super) struct TestVectorInfo {
    model: &'static str,
    /// `embedded`, or `random` in a build without the embedded model.
    weights: &'static str,
    samples: usize,
    audio_bound: f64,
}

pub(super) fn info() -> TestVectorInfo {
    let weights = if cfg!(feature = "tiny") { "embedded" } else { "random" };
    TestVectorInfo { model: Preset::Tiny.name(), weights, samples: SAMPLES, audio_bound: AUDIO_BOUND }
}

/// The embedded model, or, in a build without it, its shape with seeded random weights.
pub(super) fn model() -> ModelSource {
    #[cfg(feature = "tiny")]
    return ModelSource::Preset(Preset::Tiny);
    #[cfg(not(feature = "tiny"))]
    return ModelSource::Random { preset: Preset::Tiny, seed: SEED };
}

/// Generates a rising triangle wave with noise. Integer arithmetic makes it bit-identical on every machine.
pub(super) fn signal() -> Vec<f32> {
    let (mut state, mut phase) = (1_u32, 0_u32);
    let samples = (0..SAMPLES as u32).map(|n| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        phase = phase.wrapping_add(20_000_000).wrapping_add(n.wrapping_mul(4_000));
        let triangle = ((phase >> 16) as i32 - 32768).abs() - 16384;
        let noise = (state >> 20) as i32 - 2048;
        // Python's integer division rounds down.
        (triangle.div_euclid(2) + noise) as f32 / 32768.0
    });
    samples.collect()
}

/// Codes of the signal, and the audio decoded from codes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CodecOutput {
    /// `[1, codebooks, frames]`.
    pub(super) codes: Codes,
    /// Every `stride`-th sample of the decoded audio.
    pub(super) audio: Vec<f32>,
    pub(super) stride: usize,
}

/// Difference of two codec outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Distance {
    pub(super) codes: usize,
    pub(super) codes_different: usize,
    /// Largest difference of two samples.
    pub(super) audio_difference: f64,
}

impl CodecOutput {
    /// Compares `found`, which must have a stride of 1, with this output.
    pub(super) fn distance(&self, found: &Self) -> Result<Distance, String> {
        let (expected, got) = (self.codes.shape(), found.codes.shape());
        if expected != got {
            return Err(format!("codes have shape {got:?}, expected {expected:?}"));
        }
        let samples = found.audio.len().div_ceil(self.stride);
        if samples != self.audio.len() {
            let expected = self.audio.len() * self.stride;
            return Err(format!("audio has {} samples, expected about {expected}", found.audio.len()));
        }
        let pairs = self.codes.as_slice().iter().zip(found.codes.as_slice());
        let audio = self.audio.iter().zip(found.audio.iter().step_by(self.stride));
        Ok(Distance {
            codes: self.codes.as_slice().len(),
            codes_different: pairs.filter(|(a, b)| a != b).count(),
            audio_difference: audio.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max),
        })
    }
}

/// Returns the reference codec's output with the embedded model, or `None` in a build without it.
pub(super) fn expected() -> Result<Option<CodecOutput>, String> {
    #[derive(Deserialize)]
    struct Expected {
        stride: usize,
        codes: Vec<Vec<u16>>,
        audio: Vec<f32>,
    }
    if !cfg!(feature = "tiny") {
        return Ok(None);
    }
    let file = serde_json::from_str::<Expected>(include_str!("../../assets/doctor.json"));
    let Expected { stride, codes, audio } = file.map_err(|error| error.to_string())?;
    let shape = [1, codes.len(), codes.first().map_or(0, Vec::len)];
    let codes = Codes::new(codes.concat(), shape).map_err(|error| error.to_string())?;
    Ok(Some(CodecOutput { codes, audio, stride: stride.max(1) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(codes: &[u16], audio: &[f32], stride: usize) -> CodecOutput {
        CodecOutput {
            codes: Codes::new(codes.to_vec(), [1, 1, codes.len()]).unwrap(),
            audio: audio.to_vec(),
            stride,
        }
    }

    #[test]
    fn the_signal_is_loud_and_within_full_scale() {
        let signal = signal();
        let rms = (signal.iter().map(|v| v * v).sum::<f32>() / signal.len() as f32).sqrt();
        assert!(rms > 0.1 && signal.iter().all(|v| v.abs() < 1.0), "{rms}");
    }

    #[test]
    fn distance_counts_codes_and_takes_the_largest_audio_difference() {
        let expected = output(&[1, 2, 3], &[0.0, 0.5], 2);
        let found = output(&[1, 9, 3], &[0.25, 7.0, 0.5], 1);
        let distance = Distance { codes: 3, codes_different: 1, audio_difference: 0.25 };
        assert_eq!(expected.distance(&found), Ok(distance));
        assert!(expected.distance(&output(&[1, 2], &[0.0; 3], 1)).unwrap_err().contains("[1, 1, 2]"));
        assert!(expected.distance(&output(&[1, 2, 3], &[0.0; 5], 1)).unwrap_err().contains("5 samples"));
    }
}
