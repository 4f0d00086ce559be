//! Parts of a page, for pages that scripts assemble. They use the style sheet and the script of the report.
//!
//! A signal whose WAV file is empty gets a player without audio, which the page's script adds.

use dac::codec::NetworkShape;

pub use super::listen::Axes;
use super::{listen, tables};
use crate::report::{Signal, Tokens, Variant};

/// Bar that plays and switches between the original, if there is one, and variants with these numbers of
/// codebooks. Only one on a page.
pub fn switch(has_original: bool, counts: &[usize]) -> String {
    listen::switch(has_original, counts.iter().copied()).into_string()
}

/// Player and spectrograms of the original.
pub fn original(signal: &Signal, axes: Axes) -> String {
    listen::original(signal, axes).into_string()
}

/// Player and spectrograms of a variant.
pub fn variant(variant: &Variant, axes: Axes) -> String {
    listen::variant(variant, axes).into_string()
}

/// Pictures of the codes of a signal of this length, with an explanation.
pub fn tokens(tokens: &Tokens, shape: &NetworkShape, seconds: f64) -> String {
    listen::tokens(tokens, shape, seconds).into_string()
}

/// Table of the variants' sizes and distances, below a heading with the id `figures`.
pub fn figures(variants: &[Variant]) -> String {
    tables::figures(variants).into_string()
}
