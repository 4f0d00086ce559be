//! Comparison of codes, latents and audio with the reference's; codes may differ where the reference's choice
//! was a tie.

use anyhow::{Error, bail, ensure};

use crate::tensors::Tensor;

/// If the distances to the reference's two nearest entries differ by less, rounding decides which one is
/// nearer.
pub const TIE_MARGIN: f32 = 1e-5;

/// A frame whose codes differ, with the first codebook that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub frame: usize,
    pub codebook: usize,
    pub found: u16,
    pub expected: u16,
    /// Difference of the reference's distances to its second nearest and its nearest entry.
    pub margin: f32,
    /// Number of differing codes in the frame: the first one changes the residual of all later ones.
    pub codes: usize,
}

impl Difference {
    /// Whether the reference's choice was a tie.
    pub fn is_tie(&self) -> bool {
        self.margin < TIE_MARGIN
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct CodeComparison {
    pub total: usize,
    pub differences: Vec<Difference>,
}

impl CodeComparison {
    /// Compares codes `[1, codebooks, frames]`; `margins` are the reference's ([`Difference::margin`]).
    pub fn new(found: &Tensor<u16>, expected: &Tensor<u16>, margins: &Tensor<f32>) -> Result<Self, Error> {
        let shape = expected.shape;
        ensure!(found.shape == shape, "codes have shape {:?}, expected {shape:?}", found.shape);
        ensure!(margins.shape == shape, "margins have shape {:?}, expected {shape:?}", margins.shape);
        let [_, codebooks, frames] = shape;
        let mut differences = Vec::new();
        for frame in 0..frames {
            let differs = |&k: &usize| found.at(0, k, frame) != expected.at(0, k, frame);
            if let Some(codebook) = (0..codebooks).find(differs) {
                differences.push(Difference {
                    frame,
                    codebook,
                    found: found.at(0, codebook, frame),
                    expected: expected.at(0, codebook, frame),
                    margin: margins.at(0, codebook, frame),
                    codes: (0..codebooks).filter(differs).count(),
                });
            }
        }
        Ok(Self { total: codebooks * frames, differences })
    }

    pub fn equal_share(&self) -> f64 {
        self.share(|_| true)
    }

    /// Share of codes that are equal or follow a tie.
    pub fn excused_share(&self) -> f64 {
        self.share(|difference| !difference.is_tie())
    }

    fn share(&self, is_wrong: impl Fn(&Difference) -> bool) -> f64 {
        let differing: usize = self.differences.iter().filter(|d| is_wrong(d)).map(|d| d.codes).sum();
        1.0 - differing as f64 / self.total.max(1) as f64
    }

    /// Marks the frames whose codes are equal.
    pub fn equal_frames(&self, frames: usize) -> Vec<bool> {
        let mut equal = vec![true; frames];
        for difference in &self.differences {
            equal[difference.frame] = false;
        }
        equal
    }
}

/// Root mean square of the difference divided by that of `expected`, both `[1, channels, frames]`, over the
/// frames marked in `included`.
pub fn relative_rms(found: &Tensor<f32>, expected: &Tensor<f32>, included: &[bool]) -> Result<f64, Error> {
    let frames = included.len();
    ensure!(found.shape == expected.shape, "shape {:?}, expected {:?}", found.shape, expected.shape);
    ensure!(frames == expected.shape[2], "{frames} frames are marked, expected {}", expected.shape[2]);
    let (mut error, mut power) = (0.0, 0.0);
    for (row, expected) in found.values.chunks(frames).zip(expected.values.chunks(frames)) {
        for ((f, e), _) in row.iter().zip(expected).zip(included).filter(|(_, included)| **included) {
            error += (f64::from(*f) - f64::from(*e)).powi(2);
            power += f64::from(*e).powi(2);
        }
    }
    // NaN would pass every upper bound.
    let ratio = (error / power).sqrt();
    Ok(if ratio.is_finite() { ratio } else { f64::INFINITY })
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AudioComparison {
    pub max_abs: f64,
    /// Ratio of the power of the reference's audio to that of the difference; infinite if they are equal.
    pub snr_db: f64,
}

impl AudioComparison {
    /// Compares `found` with the reference's audio. Samples after the latter's end must be zero.
    pub fn new(found: &[f32], expected: &[f32]) -> Result<Self, Error> {
        let Some((found, tail)) = found.split_at_checked(expected.len()) else {
            bail!("{} samples, expected {}", found.len(), expected.len());
        };
        let is_silent = tail.iter().all(|v| *v == 0.0);
        ensure!(is_silent, "non-zero samples in the {} after the expected end", tail.len());
        let (mut max_abs, mut error, mut power) = (0.0_f64, 0.0, 0.0);
        for (f, e) in found.iter().zip(expected) {
            let difference = f64::from(*f) - f64::from(*e);
            // `max` would ignore NaN.
            max_abs = if difference.is_nan() { f64::INFINITY } else { max_abs.max(difference.abs()) };
            error += difference * difference;
            power += f64::from(*e).powi(2);
        }
        let snr_db = 10.0 * (power / error).log10();
        Ok(Self { max_abs, snr_db: if snr_db.is_nan() { f64::NEG_INFINITY } else { snr_db } })
    }
}
