//! Comparison of codes, latents and audio with the reference's; codes may differ where the reference's choice
//! was a tie.

use anyhow::{Error, bail};

use crate::tensors::Tensor;

/// If the distances to the reference's two nearest entries differ by less, rounding decides which one is
/// nearer.
pub(crate) const TIE_MARGIN: f32 = 1e-5;

/// A frame whose codes differ, with the first codebook that differs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    pub(crate) frame: usize,
    pub(crate) codebook: usize,
    pub(crate) found: u16,
    pub(crate) expected: u16,
    /// Difference of the reference's distances to its second nearest and its nearest entry.
    pub(crate) margin: f32,
    /// Number of differing codes in the frame: the first one changes the residual of all later ones.
    pub(crate) codes: usize,
}

impl Difference {
    /// Whether the reference's choice was a tie.
    pub(crate) fn is_tie(&self) -> bool {
        self.margin < TIE_MARGIN
    }
}

/// The codes of one signal compared with the reference's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CodeComparison {
    pub(crate) total: usize,
    pub(crate) differences: Vec<Difference>,
}

impl CodeComparison {
    /// Compares codes `[1, codebooks, frames]`; `margins` are the reference's ([`Difference::margin`]).
    pub(crate) fn new(
        found: &Tensor<u16>,
        expected: &Tensor<u16>,
        margins: &Tensor<f32>,
    ) -> Result<Self, Error> {
        let shape = expected.shape;
        if [found.shape, margins.shape] != [shape; 2] {
            bail!("codes have shape {:?}, expected {shape:?}; margins have {:?}", found.shape, margins.shape);
        }
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

    /// Share of equal codes.
    pub(crate) fn equal_share(&self) -> f64 {
        self.share(|_| true)
    }

    /// Share of codes that are equal or follow a tie.
    pub(crate) fn excused_share(&self) -> f64 {
        self.share(|difference| !difference.is_tie())
    }

    fn share(&self, is_wrong: impl Fn(&Difference) -> bool) -> f64 {
        let differing: usize = self.differences.iter().filter(|d| is_wrong(d)).map(|d| d.codes).sum();
        1.0 - differing as f64 / self.total.max(1) as f64
    }

    /// Marks the frames whose codes are equal.
    pub(crate) fn equal_frames(&self, frames: usize) -> Vec<bool> {
        let mut equal = vec![true; frames];
        for difference in &self.differences {
            equal[difference.frame] = false;
        }
        equal
    }
}

/// Root mean square of the difference divided by that of `expected`, both `[1, channels, frames]`, over the
/// frames marked in `included`.
pub(crate) fn relative_rms(
    found: &Tensor<f32>,
    expected: &Tensor<f32>,
    included: &[bool],
) -> Result<f64, Error> {
    let frames = included.len();
    if found.shape != expected.shape || frames != expected.shape[2] {
        bail!("values have shape {:?}, expected {:?}; {frames} frames", found.shape, expected.shape);
    }
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

/// Audio compared with the reference's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AudioComparison {
    pub(crate) max_abs: f64,
    /// Ratio of the power of the reference's audio to that of the difference; infinite if they are equal.
    pub(crate) snr_db: f64,
}

impl AudioComparison {
    /// Compares `found` with the reference's audio. Samples after the latter's end must be zero.
    pub(crate) fn new(found: &[f32], expected: &[f32]) -> Result<Self, Error> {
        let Some((found, tail)) = found.split_at_checked(expected.len()) else {
            bail!("{} samples, expected {}", found.len(), expected.len());
        };
        if tail.iter().any(|v| *v != 0.0) {
            bail!("non-zero samples in the {} after the expected end", tail.len());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(values: &[u16]) -> Tensor<u16> {
        Tensor { shape: [1, 3, 2], values: values.to_vec() }
    }

    #[test]
    fn a_tie_excuses_later_codebooks_of_its_frame_only() {
        let expected = codes(&[1, 2, 3, 4, 5, 6]);
        let mut margins = Tensor { shape: [1, 3, 2], values: vec![1.0; 6] };
        margins.values[2] = 1e-6;
        // Frame 0 differs from codebook 1 on, frame 1 only in codebook 2.
        let found = codes(&[1, 2, 9, 4, 9, 9]);
        let comparison = CodeComparison::new(&found, &expected, &margins).unwrap();
        assert_eq!(comparison.differences.len(), 2);
        assert!(comparison.differences[0].is_tie() && !comparison.differences[1].is_tie());
        assert_eq!((comparison.differences[0].codebook, comparison.differences[0].codes), (1, 2));
        assert!((comparison.equal_share() - 0.5).abs() < 1e-12);
        assert!((comparison.excused_share() - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!(comparison.equal_frames(2), [false, false]);
        // A tie in a later codebook does not excuse the first one.
        margins.values.swap(2, 4);
        let comparison = CodeComparison::new(&found, &expected, &margins).unwrap();
        assert!(!comparison.differences[0].is_tie());
        assert!(CodeComparison::new(&Tensor { shape: [1, 2, 3], ..found }, &expected, &margins).is_err());
    }

    #[test]
    fn rms_includes_only_marked_frames() {
        let expected = Tensor { shape: [1, 2, 2], values: vec![1.0, 5.0, 1.0, 5.0] };
        let found = Tensor { shape: [1, 2, 2], values: vec![1.1, 0.0, 0.9, f32::NAN] };
        let first = relative_rms(&found, &expected, &[true, false]).unwrap();
        assert!((first - 0.1).abs() < 1e-6, "{first}");
        assert_eq!(relative_rms(&found, &expected, &[true, true]).unwrap(), f64::INFINITY);
        assert!(relative_rms(&found, &expected, &[true]).is_err());
    }

    #[test]
    fn audio_may_be_longer_by_zeros_only() {
        let comparison = AudioComparison::new(&[0.5, 0.4, 0.0, 0.0], &[0.5, 0.5]).unwrap();
        assert!((comparison.max_abs - 0.1).abs() < 1e-6);
        assert!((comparison.snr_db - 10.0 * (0.5_f64 / 0.01).log10()).abs() < 1e-4);
        assert!(AudioComparison::new(&[0.5], &[0.5, 0.5]).is_err());
        assert!(AudioComparison::new(&[0.5, 0.5, 0.1], &[0.5, 0.5]).is_err());
        let broken = AudioComparison::new(&[f32::NAN, 0.5], &[0.5, 0.5]).unwrap();
        assert_eq!((broken.max_abs, broken.snr_db), (f64::INFINITY, f64::NEG_INFINITY));
        assert_eq!(AudioComparison::new(&[0.5], &[0.5]).unwrap().snr_db, f64::INFINITY);
    }
}
