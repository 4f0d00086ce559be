//! Differences between dac-audio and the reference programs, with the reason.

use std::ops::RangeInclusive;

use anyhow::{Context, Error};

use super::cases::{Case, Reference};
use super::compare::Difference;

/// The table; its first lines describe the columns.
const TABLE: &str = include_str!("known.tsv");

/// A known difference of some formats and variants from one program.
#[derive(Debug)]
struct Known {
    formats: Vec<&'static str>,
    variants: Vec<&'static str>,
    program: &'static str,
    difference: &'static str,
    bounds: Option<RangeInclusive<i64>>,
    reason: &'static str,
}

impl Known {
    fn parse(line: &'static str) -> Result<Self, Error> {
        let columns: Vec<_> = line.split('\t').collect();
        let &[formats, variants, program, difference, least, most, reason] = columns.as_slice() else {
            anyhow::bail!("expected 7 columns, found {} in {line:?}", columns.len());
        };
        let bounds = match (least, most) {
            ("-", "-") => None,
            _ => Some(least.parse().context("least")?..=most.parse().context("most")?),
        };
        let variants = variants.split(' ').map(|variant| if variant == "-" { "" } else { variant });
        let formats = formats.split(' ').collect();
        Ok(Self { formats, variants: variants.collect(), program, difference, bounds, reason })
    }

    fn allows(&self, found: &Difference) -> bool {
        let is_within = |value: i64| self.bounds.as_ref().is_some_and(|bounds| bounds.contains(&value));
        match found {
            Difference::Refused { message } => {
                self.difference.strip_prefix("refused ").is_some_and(|text| message.contains(text))
            }
            Difference::NoReference => self.difference == "no-reference",
            Difference::CalledTruncated => self.difference == "called-truncated",
            Difference::NotCalledTruncated => self.difference == "not-called-truncated",
            Difference::Promised { .. } => false,
            Difference::Delay { samples } => self.difference == "delay" && is_within(*samples as i64),
            Difference::Length { samples } => self.difference == "length" && is_within(*samples),
            Difference::Snr { db } => self.difference == "snr" && is_within(db.round() as i64),
        }
    }
}

/// The known differences.
#[derive(Debug)]
pub(super) struct KnownDifferences(Vec<Known>);

impl KnownDifferences {
    /// Reads the table.
    ///
    /// # Errors
    /// If a line is invalid.
    pub(super) fn read() -> Result<Self, Error> {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        Ok(Self(lines.map(Known::parse).collect::<Result<_, _>>()?))
    }

    /// Returns the reason of a difference.
    pub(super) fn reason(&self, case: &Case, by: Reference, found: &Difference) -> Option<&'static str> {
        let known = self.0.iter().find(|known| {
            known.formats.contains(&case.format)
                && known.variants.contains(&case.variant)
                && known.program == by.program()
                && known.allows(found)
        });
        known.map(|known| known.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;

    #[test]
    fn the_table_names_existing_formats_variants_and_programs() {
        let cases = cases::all(false);
        for Known { formats, variants, program, .. } in KnownDifferences::read().unwrap().0 {
            for format in formats {
                for variant in &variants {
                    let exists = cases.iter().any(|case| {
                        let programs = [Some(case.reference), case.second];
                        case.format == format
                            && case.variant == *variant
                            && programs.into_iter().flatten().any(|by| by.program() == program)
                    });
                    assert!(exists, "{format} {variant:?} {program}");
                }
            }
        }
    }

    #[test]
    fn bounds_are_exact() {
        let known = KnownDifferences::read().unwrap();
        let cases = cases::all(false);
        let case = cases.iter().find(|case| case.format == "m4a" && case.variant.is_empty()).unwrap();
        let reason = |samples| known.reason(case, Reference::Ffmpeg, &Difference::Length { samples });
        assert!(reason(-1_023).is_some() && reason(-1).is_some());
        assert!(reason(-1_024).is_none() && reason(1).is_none());
        assert!(known.reason(case, Reference::Ffmpeg, &Difference::Snr { db: 20.0 }).is_none());
    }
}
