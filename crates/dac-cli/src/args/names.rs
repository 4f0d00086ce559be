//! Names of models and publishers, listed in the help.

use std::error::Error;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use dac::Preset;
use dac::weights::registry::{self, Source};

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
