//! Values that Python passes as names.

use std::fmt::Display;
use std::str::FromStr;

use crate::failure::Failure;

/// Parses a name.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::usage(error.to_string()))
}

/// Chooses the value with this name.
pub(crate) fn choose<T: Clone>(what: &str, name: &str, values: &[(&str, T)]) -> Result<T, Failure> {
    let found = values.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        let known: Vec<_> = values.iter().map(|(known, _)| format!("{known:?}")).collect();
        Failure::usage(format!("{what} is {name:?}, expected {}", known.join(" or ")))
    })
}
