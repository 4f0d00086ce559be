//! Tables of figures.

use maud::{Markup, html};

use super::axis::hertz;
use super::text::{codebooks_text, decimal};
use crate::report::{Band, Report, Variant};

/// Errors are coloured from this far below the signal on; at the signal's level the colour is full.
const ERRORS_DB: f64 = 30.0;
/// Level difference with full colour.
const LEVELS_DB: f64 = 12.0;

/// Sizes and distances of all variants.
pub(super) fn figures(variants: &[Variant]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-labelledby="figures" {
            table {
                thead { tr {
                    th scope="col" { "Version" }
                    th scope="col" { "Nominal kbit/s" }
                    th scope="col" { ".dacp bytes" }
                    th scope="col" { ".dacp kbit/s" }
                    th scope="col" { "SI-SDR, dB" }
                    th scope="col" { "Mel distance" }
                    th scope="col" { "STFT distance" }
                } }
                tbody {
                    @for variant in variants {
                        tr {
                            th scope="row" { (codebooks_text(variant.codebooks)) }
                            td { (decimal(variant.nominal_kbps, 2)) }
                            td { (variant.dacp_bytes) }
                            td { (decimal(variant.dacp_kbps, 2)) }
                            td { (decimal(variant.si_sdr_db, 2)) }
                            td { (decimal(variant.mel_distance, 3)) }
                            td { (decimal(variant.stft_distance, 3)) }
                        }
                    }
                }
            }
        }
    }
}

/// Errors and levels by octave band.
pub(super) fn bands(report: &Report) -> Markup {
    html! {
        section aria-labelledby="bands" {
            h2 #bands { "Error by band" }
            p { "Energy of the difference from the original relative to the original's, in dB, by octave "
                "band. 0 means an error as strong as the signal." }
            (table(report, "bands", |band| (band.error_db, (band.error_db + ERRORS_DB) / ERRORS_DB)))
            h2 #levels { "Level by band" }
            p { "Energy of the decode relative to the original's, in dB. 0 means an equal level, even if the "
                "signals differ." }
            (table(report, "levels", |band| (band.level_db, band.level_db.abs() / LEVELS_DB)))
        }
    }
}

/// Table with a row per variant and a column per band. `cell` returns the figure and its colour's strength, 0
/// to 1.
fn table(report: &Report, label: &str, cell: impl Fn(&Band) -> (f64, f64)) -> Markup {
    let bands = report.variants.first().map_or(&[][..], |variant| &variant.bands);
    html! {
        div.scroll tabindex="0" role="region" aria-labelledby=(label) {
            table.bands {
                thead { tr {
                    th scope="col" { "Version" }
                    @for band in bands { th scope="col" { (hertz(band.centre_hz)) } }
                } }
                tbody {
                    @for variant in &report.variants {
                        tr {
                            th scope="row" { (codebooks_text(variant.codebooks)) }
                            @for band in &variant.bands {
                                @let (value, heat) = cell(band);
                                @let heat = if heat.is_nan() { 0.0 } else { heat.clamp(0.0, 1.0) };
                                td style={ "--heat:" (format!("{heat:.2}")) } { (decimal(value, 1)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
