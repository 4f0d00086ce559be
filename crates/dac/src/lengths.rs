//! How long a decode is, at which rate, and what a part of it is made of.

use std::ops::Range;

use dac_audio::Resampler;

use crate::decode::OutputRate;
use crate::error::Error;

/// Lengths of the whole signal at the model's and the output's rate.
pub(crate) struct Lengths {
    pub(crate) model_hz: u32,
    pub(crate) output_hz: u32,
    pub(crate) model_samples: u64,
    pub(crate) output_samples: u64,
}

impl Lengths {
    /// From the input's length and rate, where they are known, and the samples that the frames stand for.
    pub(crate) fn new(
        input: Option<(u64, u32)>,
        rate: OutputRate,
        model_hz: u32,
        decoded: u64,
    ) -> Result<Self, Error> {
        let original = input.filter(|(_, hz)| *hz > 0);
        // A damaged length must not make an endless file of zeros: nothing beyond the frames is invented.
        let original = original.map(|(n, hz)| (n.min(rescale(decoded, model_hz, hz)), hz));
        let model_samples = original.map_or(decoded, |(n, hz)| rescale(n, hz, model_hz).min(decoded));
        let (output_hz, output_samples) = match (rate, original) {
            (OutputRate::Model, _) => (model_hz, model_samples),
            (OutputRate::Input, Some((n, hz))) => (hz, n),
            (OutputRate::Input, None) => {
                return Err(Error::Needs {
                    what: "the input's rate",
                    needs: "the rate and length of the input",
                });
            }
            (OutputRate::Hz(hz), Some((n, input_hz))) => (hz, rescale(n, input_hz, hz)),
            (OutputRate::Hz(hz), None) => (hz, rescale(model_samples, model_hz, hz)),
        };
        Ok(Self { model_hz, output_hz, model_samples, output_samples })
    }

    /// The model's samples that a range of the output is made of, with what the resampling filter looks at on both sides,
    /// and how many resampled samples come before the range.
    pub(crate) fn model_range(&self, output: &Range<u64>, resampler: &Resampler) -> (Range<u64>, u64) {
        let all = 0..self.model_samples;
        if *output == (0..self.output_samples) {
            return (all, 0);
        }
        if resampler.is_identity() {
            return (output.start.min(all.end)..output.end.min(all.end), 0);
        }
        // The filter repeats every `period` samples of the model: starting there, samples fall where they fell before.
        let (from, to) = (u64::from(self.model_hz), u64::from(self.output_hz));
        let gcd = gcd(from, to);
        let (period, step) = (from / gcd, to / gcd);
        let reach = 2 * resampler.latency_samples() as u64 + period;
        let start = (output.start * from / to).saturating_sub(reach) / period * period;
        let end = ((output.end * from).div_ceil(to) + reach).min(all.end);
        (start.min(end)..end, output.start - (start / period * step).min(output.start))
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// round(samples · to / from).
fn rescale(samples: u64, from_hz: u32, to_hz: u32) -> u64 {
    let (from, to) = (u128::from(from_hz.max(1)), u128::from(to_hz));
    u64::try_from((u128::from(samples) * to * 2 + from) / (2 * from)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_round_to_the_nearest_sample() {
        assert_eq!(rescale(48_000, 48_000, 44_100), 44_100);
        assert_eq!(rescale(1, 8_000, 44_100), 6);
        assert_eq!(rescale(1, 44_100, 8_000), 0);
        assert_eq!(rescale(3, 44_100, 8_000), 1);
        assert_eq!(rescale(u64::MAX, 1, 768_000), u64::MAX);
    }
}
