//! The stretches of a decode: output samples, model samples they are resampled from, frames these are decoded
//! from.

use std::ops::Range;

use dac_audio::Resampler;

use crate::decode_channel::{Mode, Windows};
use crate::error::Error;
use crate::model::Dac;
use crate::options::{OutputRate, TimeRange};

/// Length of a whole signal at the model's and at the output's rate.
pub(crate) struct Timing {
    pub(crate) model_hz: u32,
    pub(crate) output_hz: u32,
    pub(crate) model_samples: u64,
    pub(crate) output_samples: u64,
}

impl Timing {
    /// Computes the lengths from the input's samples and rate, where known, and the decoded samples.
    pub(crate) fn new(
        input: Option<(u64, u32)>,
        rate: OutputRate,
        model_hz: u32,
        decoded: u64,
    ) -> Result<Self, Error> {
        let input = input.filter(|(_, hz)| *hz > 0);
        // No more than the frames decode to: a wrong length in a damaged file must not give endless zeros.
        let input = input.map(|(samples, hz)| (samples.min(rescale(decoded, model_hz, hz)), hz));
        let model_samples = input.map_or(decoded, |(n, hz)| rescale(n, hz, model_hz).min(decoded));
        let (output_hz, output_samples) = match (rate, input) {
            (OutputRate::Model, _) => (model_hz, model_samples),
            (OutputRate::Input, Some((samples, hz))) => (hz, samples),
            (OutputRate::Input, None) => {
                let (option, required) = ("the input's rate", "the rate and length of the input");
                return Err(Error::MissingInTokens { option, required });
            }
            (OutputRate::Hz(hz), Some((samples, input_hz))) => (hz, rescale(samples, input_hz, hz)),
            (OutputRate::Hz(hz), None) => (hz, rescale(model_samples, model_hz, hz)),
        };
        Ok(Self { model_hz, output_hz, model_samples, output_samples })
    }

    /// Returns the part of the signal that `range` selects (`None`: all), with the context of the resampler.
    pub(crate) fn part(&self, range: Option<TimeRange>, resampler: &Resampler) -> Result<Part, Error> {
        let output = match range {
            None => 0..self.output_samples,
            Some(range) => self.output_range(range)?,
        };
        let output_samples = output.end - output.start;
        let all = self.model_samples;
        if output_samples == self.output_samples {
            return Ok(Part { output_samples, model: 0..all, output_skip: 0 });
        }
        if resampler.is_identity() {
            let model = output.start.min(all)..output.end.min(all);
            return Ok(Part { output_samples, model, output_skip: 0 });
        }
        // Start at a multiple of the filter's period: the samples then lie where they lie in the whole
        // signal.
        let (from, to) = (u64::from(self.model_hz), u64::from(self.output_hz));
        let gcd = gcd(from, to);
        let (period, step) = (from / gcd, to / gcd);
        let reach = 2 * resampler.latency_samples() as u64 + period;
        let start = (output.start * from / to).saturating_sub(reach) / period * period;
        let end = ((output.end * from).div_ceil(to) + reach).min(all);
        let output_skip = output.start - (start / period * step).min(output.start);
        Ok(Part { output_samples, model: start.min(end)..end, output_skip })
    }

    fn output_range(&self, range: TimeRange) -> Result<Range<u64>, Error> {
        let TimeRange { start_seconds, duration_seconds } = range;
        let (hz, of_start, of_length) =
            (self.output_hz, "the start of the range in seconds", "the length of the range in seconds");
        if !(start_seconds.is_finite() && start_seconds >= 0.0) {
            return Err(Error::invalid(of_start, start_seconds, "0 or more"));
        }
        if !(duration_seconds.is_finite() && duration_seconds > 0.0) {
            return Err(Error::invalid(of_length, duration_seconds, "a number above 0"));
        }
        let start = sample_at(start_seconds, hz);
        let end = sample_at(start_seconds + duration_seconds, hz);
        if end <= start {
            let expected = format!("at least one sample, {:.7} at {hz} Hz", 1.0 / f64::from(hz));
            return Err(Error::invalid(of_length, duration_seconds, expected));
        }
        if start >= self.output_samples {
            let seconds = self.output_samples as f64 / f64::from(hz);
            let expected = format!("less than the length of the audio, {seconds:.2} s");
            return Err(Error::invalid(of_start, start_seconds, expected));
        }
        Ok(start..end.min(self.output_samples))
    }
}

/// A part of a signal at both rates.
pub(crate) struct Part {
    pub(crate) output_samples: u64,
    /// Model samples that the output is resampled from.
    pub(crate) model: Range<u64>,
    /// Resampled samples before the output begins.
    pub(crate) output_skip: u64,
}

impl Part {
    /// Returns the frames to decode, with the context they need, and the decoded samples before the part.
    pub(crate) fn frames(&self, dac: &Dac, mode: &Mode, frames: usize) -> (Range<usize>, u64) {
        let first_and_end = |samples: usize| {
            let first = (self.model.start / samples as u64) as usize;
            (first, (self.model.end.div_ceil(samples as u64) as usize).max(first + 1))
        };
        let (range, first_sample) = match mode {
            Mode::Exact => {
                let hop = dac.geometry().hop_samples;
                let (left, right) = dac.geometry().decoder_context_frames();
                let grid = dac.codec.decode_grid_frames();
                let (first, end) = first_and_end(hop);
                let end = end.min(frames.max(first + 1));
                let start = first.saturating_sub(left) / grid * grid;
                (start..end.saturating_add(right).min(frames), start * hop)
            }
            Mode::Overlap(_) => (0..frames, 0),
            Mode::Windowed(Windows { chunks, window_samples, .. }) => {
                let (first, end) = first_and_end(*window_samples);
                let chunk = chunks.chunk_frames;
                (first * chunk..end.saturating_mul(chunk).min(frames), first * window_samples)
            }
        };
        (range, self.model.start - first_sample as u64)
    }
}

/// Distance below half a sample at which a position still rounds up. Binary fractions only approximate
/// decimal ones: without it, the end of one range and the start of the next could round differently.
const HALF_TOLERANCE_SAMPLES: f64 = 1e-4;

/// Rounds a position to the nearest sample.
fn sample_at(seconds: f64, rate_hz: u32) -> u64 {
    (seconds * f64::from(rate_hz) + 0.5 + HALF_TOLERANCE_SAMPLES).floor() as u64
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
    fn positions_at_half_a_sample_round_up_however_they_are_computed() {
        for rate_hz in [8_000, 44_100, 48_000] {
            // 493.5 samples, which no binary fraction of a second expresses.
            let step = 493.5 / f64::from(rate_hz);
            let mut sum = 0.0;
            for k in 0..100_000_u64 {
                let expected = (k * 987).div_ceil(2);
                assert_eq!(sample_at(k as f64 * step, rate_hz), expected);
                assert_eq!(sample_at(sum, rate_hz), expected, "sum of {k} at {rate_hz} Hz");
                sum += step;
            }
        }
        assert_eq!(sample_at(f64::MAX, 768_000), u64::MAX);
    }

    #[test]
    fn lengths_round_to_the_nearest_sample() {
        assert_eq!(rescale(48_000, 48_000, 44_100), 44_100);
        assert_eq!(rescale(1, 8_000, 44_100), 6);
        assert_eq!(rescale(1, 44_100, 8_000), 0);
        assert_eq!(rescale(3, 44_100, 8_000), 1);
        assert_eq!(rescale(u64::MAX, 1, 768_000), u64::MAX);
    }
}
