//! Comparison of length, alignment and samples.

use super::cases::{Case, Expect};
use super::pcm::{Ours, Pcm};

/// Least SNR in dB of lossy codecs.
const LEAST_SNR_DB: f64 = 80.0;
/// Offsets that are tried beside the difference in length: delays of encoders.
const OFFSETS: [usize; 9] = [0, 312, 529, 576, 1_024, 1_105, 1_152, 2_048, 2_112];

/// Result of a case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Agrees,
    Differs(String),
}

/// Compares both decoders' results.
pub(super) fn compare(case: &Case, ours: Result<Ours, String>, theirs: &Pcm) -> Verdict {
    let ours = match ours {
        Ok(ours) => ours,
        // An error is a report; ffmpeg conceals damage.
        Err(_) if case.expect == Expect::Damaged || theirs.samples.is_empty() => return Verdict::Agrees,
        Err(message) => return Verdict::Differs(format!("refused: {message}")),
    };
    let channels = ours.facts.channels.max(1);
    let (found, wanted) = (ours.pcm.samples.len() / channels, theirs.samples.len() / channels);
    let mut differences = Vec::new();
    if case.expect == Expect::Truncated && !ours.facts.truncated {
        differences.push("is not called truncated".to_owned());
    }
    if case.expect == Expect::Whole && ours.facts.truncated {
        differences.push("is called truncated".to_owned());
    }
    if let (Expect::Whole, Some(promised)) = (case.expect, ours.facts.header_samples)
        && promised > found as u64
    {
        differences.push(format!("the header has {promised} samples"));
    }
    let delay = best_offset(&ours.pcm.samples, &theirs.samples, channels, wanted.saturating_sub(found));
    let theirs_after = theirs.samples.get(delay * channels..).unwrap_or_default();
    if delay > 0 {
        differences.push(format!("{delay} samples of delay are removed"));
    }
    let tail = theirs_after.len() / channels;
    if tail != found {
        differences.push(format!("{found} samples, reference {tail}"));
    }
    let snr = snr_db(theirs_after, &ours.pcm.samples);
    let is_equal = theirs_after.iter().zip(&ours.pcm.samples).all(|(a, b)| a == b);
    if case.is_lossless && !is_equal || snr < LEAST_SNR_DB {
        differences.push(format!("SNR {snr:.1} dB"));
    }
    if differences.is_empty() { Verdict::Agrees } else { Verdict::Differs(differences.join(", ")) }
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

fn snr_db(wanted: &[f32], found: &[f32]) -> f64 {
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
