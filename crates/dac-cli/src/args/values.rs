//! Parsers and conversions of argument values.

use std::error::Error;
use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use dac::audio::{MAX_RATE_HZ, MIN_RATE_HZ};
use dac::formulations::Formulation;
use dac::weights::registry::{self, Source};
use dac::{OutputRate, Preset};

/// Converts an argument's enum into the library's enum with the same variants.
macro_rules! convert_variants {
    ($from:ident => $to:ident: $($variant:ident),+) => {
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                match value { $($from::$variant => Self::$variant),+ }
            }
        }
    };
}
pub(super) use convert_variants;

/// Parses a number from 0 to 1.
pub(super) fn fraction(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// Parses a number of 0 or more.
pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| "expected a number of 0 or more".to_owned())
}

/// Parses a number above 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("expected a number above 0".to_owned()),
    }
}

/// The value of `--formulation`; `None` for `auto`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormulationArg(pub(crate) Option<Formulation>);

/// Parses a formulation or `auto`.
pub(super) fn formulation(text: &str) -> Result<FormulationArg, String> {
    match text.parse() {
        Ok(formulation) => Ok(FormulationArg(Some(formulation))),
        Err(_) if text == "auto" => Ok(FormulationArg(None)),
        Err(error) => Err(format!("{error}, or auto")),
    }
}

/// Parses a number of bytes; K, M and G are powers of 1024.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if text.ends_with('K') => (digits, 10),
        Some(digits) if text.ends_with('M') => (digits, 20),
        Some(digits) => (digits, 30),
        None => (text, 0),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| "expected a number of bytes, optionally with K, M or G".to_owned())
}

/// Parses a SHA-256 in hexadecimal to lower case.
pub(super) fn sha256(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected 64 hexadecimal digits".to_owned())
    }
}

/// Parses an output rate: model, input or a number of Hz.
pub(super) fn output_rate(text: &str) -> Result<OutputRate, String> {
    match text {
        "model" => Ok(OutputRate::Model),
        "input" => Ok(OutputRate::Input),
        _ => rate(text).map(OutputRate::Hz).map_err(|expected| format!("{expected}, model or input")),
    }
}

/// Parses a sample rate in Hz.
pub(super) fn rate(text: &str) -> Result<u32, String> {
    let rate = text.parse().ok().filter(|hz| (MIN_RATE_HZ..=MAX_RATE_HZ).contains(hz));
    rate.ok_or_else(|| format!("expected a rate from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"))
}

/// Parses a number of at least 1.
pub(super) fn count(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number of 1 or more".to_owned())
}

/// Parses the name of a model.
pub(super) fn preset() -> impl TypedValueParser<Value = Preset> {
    parser(Preset::ALL.map(Preset::name))
}

/// Parses the name of a model; the help lists those that can be downloaded.
pub(super) fn downloadable_preset() -> impl TypedValueParser<Value = Preset> {
    let value = |preset: Preset| PossibleValue::new(preset.name()).hide(registry::sources(preset).is_empty());
    parser(Preset::ALL.map(value))
}

/// Parses the name of a publisher.
pub(super) fn source() -> impl TypedValueParser<Value = Source> {
    parser(Source::ALL.map(Source::name))
}

fn parser<T>(names: impl Into<PossibleValuesParser>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    names.into().try_map(|name| name.parse::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_units_are_powers_of_1024() {
        assert_eq!(bytes("0"), Ok(0));
        assert_eq!(bytes("3K"), Ok(3072));
        assert_eq!(bytes("2G"), Ok(2 << 30));
        for wrong in ["", "K", "1.5G", "-1", "1k", "17179869184G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
