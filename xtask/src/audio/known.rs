//! Differences between dac-audio and the reference programs, with the reason.

use std::ops::RangeInclusive;

use super::cases::{Case, Reference};
use super::compare::Difference;

/// A known difference of some formats and variants from one program.
struct Known {
    formats: &'static [&'static str],
    variants: &'static [&'static str],
    reference: Reference,
    difference: Allowed,
    reason: &'static str,
}

/// A kind of difference, with its bounds.
enum Allowed {
    /// The message contains this text.
    Refused(&'static str),
    NoReference,
    CalledTruncated,
    NotCalledTruncated,
    Delay(usize),
    Length(RangeInclusive<i64>),
    /// Damaged audio of lossy or unprotected formats.
    SnrDb(RangeInclusive<i32>),
}

impl Allowed {
    fn allows(&self, difference: &Difference) -> bool {
        match (self, difference) {
            (Self::Refused(text), Difference::Refused { message }) => message.contains(text),
            (Self::NoReference, Difference::NoReference)
            | (Self::CalledTruncated, Difference::CalledTruncated)
            | (Self::NotCalledTruncated, Difference::NotCalledTruncated) => true,
            (Self::Delay(allowed), Difference::Delay { samples }) => allowed == samples,
            (Self::Length(allowed), Difference::Length { samples }) => allowed.contains(samples),
            (Self::SnrDb(allowed), Difference::Snr { db }) => allowed.contains(&(db.round() as i32)),
            _ => false,
        }
    }
}

const KNOWN: &[Known] = &[];

/// Returns the reason of a difference.
pub(super) fn reason(case: &Case, reference: Reference, difference: &Difference) -> Option<&'static str> {
    let known = KNOWN.iter().find(|known| {
        known.formats.contains(&case.format)
            && known.variants.contains(&case.variant)
            && known.reference == reference
            && known.difference.allows(difference)
    });
    known.map(|known| known.reason)
}
