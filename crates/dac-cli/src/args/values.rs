//! Values of the command line that the library has no reader for.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use dac::audio::{MAX_RATE_HZ, MIN_RATE_HZ, NonFinitePolicy};
use dac::tokens::NpyInteger;
use dac::{ChannelMix, OutputRate, Save};

/// `--channels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChannelsArg {
    /// One stream of codes, of the mean of all channels.
    Mono,
    /// One stream of codes a channel.
    Keep,
}

impl From<ChannelsArg> for ChannelMix {
    fn from(value: ChannelsArg) -> Self {
        match value {
            ChannelsArg::Mono => Self::Mono,
            ChannelsArg::Keep => Self::Keep,
        }
    }
}

/// `--nan`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NanArg {
    /// The file fails; its first such sample is named.
    Error,
    /// They are coded as 0, and counted.
    Zero,
}

impl From<NanArg> for NonFinitePolicy {
    fn from(value: NanArg) -> Self {
        match value {
            NanArg::Error => Self::Error,
            NanArg::Zero => Self::Zero,
        }
    }
}

/// One item of `--save`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SaveArg {
    /// The codes, `[channels, codebooks, frames]`.
    Codes,
    /// The quantized latents, `[channels, latent, frames]`.
    Z,
    /// The projected latents of all codebooks, `[channels, codebooks × dim, frames]`.
    Latents,
}

/// All items of `--save` together.
pub(crate) fn save(items: &[SaveArg]) -> Save {
    Save {
        codes: items.contains(&SaveArg::Codes),
        z: items.contains(&SaveArg::Z),
        latents: items.contains(&SaveArg::Latents),
    }
}

/// `--chunk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChunkArg {
    /// The whole file at once: memory grows with its length.
    Whole,
    /// Chunks with the context that the layers need: the result of the whole file, in constant memory.
    Exact,
    /// Chunks coded alone and averaged where they overlap, as the original card's wrapper does: not exact.
    Overlap,
    /// Encoding alone: unpadded windows at one loudness, as the reference's own `compress` makes them, into .dac files.
    Descript,
}

/// `--dtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DtypeArg {
    /// Two bytes a code.
    U16,
    /// Eight bytes a code, which torch indexes with.
    I64,
}

impl From<DtypeArg> for NpyInteger {
    fn from(value: DtypeArg) -> Self {
        match value {
            DtypeArg::U16 => Self::U16,
            DtypeArg::I64 => Self::I64,
        }
    }
}

/// `--output-rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputRateArg(pub(crate) OutputRate);

impl FromStr for OutputRateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<u32>()) {
            ("model", _) => Ok(Self(OutputRate::Model)),
            ("input", _) => Ok(Self(OutputRate::Input)),
            (_, Ok(hz)) if (MIN_RATE_HZ..=MAX_RATE_HZ).contains(&hz) => Ok(Self(OutputRate::Hz(hz))),
            _ => Err(format!("expected model, input or a rate from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz")),
        }
    }
}

impl fmt::Display for OutputRateArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            OutputRate::Model => f.write_str("model"),
            OutputRate::Input => f.write_str("input"),
            OutputRate::Hz(hz) => hz.fmt(f),
        }
    }
}

/// A positive, finite number of seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seconds(pub(crate) f64);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        positive(text).map(Self)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A share from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(Self).ok_or_else(|| "expected a number from 0 to 1".to_owned())
    }
}

/// A finite number that is not negative.
pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| "expected a number of 0 or more".to_owned())
}

/// A positive, finite number.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("expected a number above 0".to_owned()),
    }
}

/// A number of bytes, with K, M or G in units of 1024.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if text.ends_with('K') => (digits, 10),
        Some(digits) if text.ends_with('M') => (digits, 20),
        Some(digits) => (digits, 30),
        None => (text, 0),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| "expected a whole number of bytes, or one with K, M or G".to_owned())
}

/// A SHA-256 in hexadecimal, made lower case.
pub(super) fn sha256(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected 64 hexadecimal digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_units_of_1024() {
        assert_eq!(bytes("0"), Ok(0));
        assert_eq!(bytes("3K"), Ok(3072));
        assert_eq!(bytes("2G"), Ok(2 << 30));
        for wrong in ["", "K", "1.5G", "-1", "1k", "17179869184G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
