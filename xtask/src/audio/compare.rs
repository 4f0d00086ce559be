//! Comparison of length, alignment and samples.

use std::fmt;

use super::cases::{Case, Expect};
use super::pcm::{Ours, Pcm};

/// Least SNR in dB of lossy codecs.
const LEAST_SNR_DB: f64 = 80.0;
/// Offsets that are tried in addition to the difference in length: delays of encoders.
const OFFSETS: [usize; 10] = [0, 208, 312, 529, 576, 1_024, 1_105, 1_152, 2_048, 2_112];

/// One difference between the two decoders.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Difference {
    /// The reference reads the file.
    Refused {
        message: String,
    },
    /// Only dac-audio reads the file.
    NoReference,
    NotCalledTruncated,
    CalledTruncated,
    /// The header promises more samples than there are.
    Promised {
        samples: u64,
    },
    /// Samples at the start that only the reference returns.
    Delay {
        samples: usize,
    },
    /// Samples more than the reference, without the delay.
    Length {
        samples: i64,
    },
    Snr {
        db: f64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { message } => write!(f, "refused: {message}"),
            Self::NoReference => f.write_str("the reference refuses the file"),
            Self::NotCalledTruncated => f.write_str("is not called truncated"),
            Self::CalledTruncated => f.write_str("is called truncated"),
            Self::Promised { samples } => write!(f, "the header has {samples} samples"),
            Self::Delay { samples } => write!(f, "{samples} samples of delay are removed"),
            Self::Length { samples } => write!(f, "{samples:+} samples"),
            Self::Snr { db } => write!(f, "SNR {db:.1} dB"),
        }
    }
}

/// Compares both decoders' results.
pub(super) fn compare(case: &Case, ours: &Result<Ours, String>, theirs: &Pcm) -> Vec<Difference> {
    let ours = match ours {
        Ok(ours) => ours,
        // An error is a report; ffmpeg conceals damage.
        Err(_) if case.expect == Expect::Damaged || theirs.samples.is_empty() => return Vec::new(),
        Err(message) => return vec![Difference::Refused { message: message.clone() }],
    };
    let channels = ours.facts.channels.max(1);
    let (found, wanted) = (ours.pcm.samples.len() / channels, theirs.samples.len() / channels);
    let mut differences = Vec::new();
    if case.expect == Expect::Truncated && !ours.facts.truncated {
        differences.push(Difference::NotCalledTruncated);
    }
    if case.expect == Expect::Whole && ours.facts.truncated {
        differences.push(Difference::CalledTruncated);
    }
    if let (Expect::Whole, Some(samples)) = (case.expect, ours.facts.header_samples)
        && samples > found as u64
    {
        differences.push(Difference::Promised { samples });
    }
    if wanted == 0 && found > 0 {
        differences.push(Difference::NoReference);
        return differences;
    }
    let delay = best_offset(&ours.pcm.samples, &theirs.samples, channels, wanted.saturating_sub(found));
    let theirs_after = theirs.samples.get(delay * channels..).unwrap_or_default();
    if delay > 0 {
        differences.push(Difference::Delay { samples: delay });
    }
    let tail = theirs_after.len() / channels;
    if tail != found {
        differences.push(Difference::Length { samples: found as i64 - tail as i64 });
    }
    let db = snr_db(theirs_after, &ours.pcm.samples);
    let is_equal = theirs_after.iter().zip(&ours.pcm.samples).all(|(a, b)| a == b);
    if case.is_lossless && !is_equal || db < LEAST_SNR_DB {
        differences.push(Difference::Snr { db });
    }
    differences
}

/// Finds the offset in the reference at which our samples begin.
fn best_offset(ours: &[f32], theirs: &[f32], channels: usize, difference: usize) -> usize {
    let fits = |offset: usize| {
        let theirs = theirs.get(offset * channels..).unwrap_or_default();
        snr_db(theirs, ours) >= LEAST_SNR_DB
    };
    let offsets = OFFSETS.iter().copied().chain([difference]);
    offsets.into_iter().find(|&offset| fits(offset)).unwrap_or(0)
}

/// Ratio of the first signal's energy to that of the difference.
pub(super) fn snr_db(wanted: &[f32], found: &[f32]) -> f64 {
    let pairs = || wanted.iter().zip(found).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    let signal: f64 = pairs().map(|(a, _)| a * a).sum();
    let noise: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    if noise == 0.0 { f64::INFINITY } else { 10.0 * (signal / noise).log10() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_and_snr_are_found() {
        let theirs: Vec<f32> = (0..5_000).map(|n| (n as f32 * 0.37).sin()).collect();
        assert_eq!(best_offset(&theirs[1_024..], &theirs, 1, 0), 1_024);
        assert_eq!(best_offset(&theirs[77..], &theirs, 1, 77), 77);
        assert_eq!(snr_db(&theirs, &theirs), f64::INFINITY);
        assert!((snr_db(&[1.0, 1.0], &[0.9, 1.1]) - 20.0).abs() < 0.01);
    }
}
