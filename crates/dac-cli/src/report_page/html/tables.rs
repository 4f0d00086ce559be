//! Figures in tables.

use dac::metrics::OctaveBand;
use maud::{Markup, html};

use super::axis::hertz;
use super::{figure, name_of};
use crate::report_page::Report;

/// Errors of a band from this many dB below the signal up to as strong as it are coloured, stronger and stronger.
const SHOWN_DB: f64 = 30.0;
/// A level this far off is coloured as strongly as can be.
const LEVEL_DB: f64 = 12.0;

/// Sizes and distances of all versions.
pub(super) fn figures(report: &Report) -> Markup {
    let wav_bytes = report.original.signal.wav.len() as u64;
    html! {
        section aria-labelledby="figures" {
            h2 #figures { "Figures" }
            p { "SI-SDR is the better the higher, the distances of mel and STFT spectra, the reference codec's own, the better the "
                "lower. The nominal bitrate counts codes alone, a .dacp file has its header too." }
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
                        @for version in &report.versions {
                            @let compared = &version.comparison;
                            tr {
                                th scope="row" { (name_of(version.codebooks)) }
                                td { (figure(version.nominal_kbps, 2)) }
                                td { (version.dacp_bytes) }
                                td { (figure(report.kbps(version.dacp_bytes), 2)) }
                                td { (figure(compared.si_sdr_db, 2)) }
                                td { (figure(compared.mel_distance, 3)) }
                                td { (figure(compared.stft_distance, 3)) }
                            }
                        }
                    }
                }
            }
            p.note { "The original as a 16-bit WAV file at the model's rate: " (wav_bytes) " bytes, "
                (figure(report.kbps(wav_bytes), 2)) " kbit/s." }
        }
    }
}

/// Errors and levels by octave band.
pub(super) fn bands(report: &Report) -> Markup {
    html! {
        section aria-labelledby="bands" {
            h2 #bands { "Error by band" }
            p { "The energy of what differs from the original against the original's own, in dB, by octave band: 0 is an error as strong "
                "as the signal." }
            (table(report, "bands", |band| (band.error_db, (band.error_db + SHOWN_DB) / SHOWN_DB)))
            h2 #levels { "Level by band" }
            p { "The energy of the decode against the original's, in dB: 0 is as loud, however unlike it may be." }
            (table(report, "levels", |band| (band.level_db, band.level_db.abs() / LEVEL_DB)))
        }
    }
}

/// A row a version, a column a band; `cell` gives the figure and, from 0 to 1, how strongly it is coloured.
fn table(report: &Report, label: &str, cell: impl Fn(&OctaveBand) -> (f64, f64)) -> Markup {
    let bands = report.versions.first().map_or(&[][..], |version| &version.bands);
    html! {
        div.scroll tabindex="0" role="region" aria-labelledby=(label) {
            table.bands {
                thead { tr {
                    th scope="col" { "Version" }
                    @for band in bands { th scope="col" { (hertz(band.centre_hz)) } }
                } }
                tbody {
                    @for version in &report.versions {
                        tr {
                            th scope="row" { (name_of(version.codebooks)) }
                            @for band in &version.bands {
                                @let (value, heat) = cell(band);
                                @let heat = if heat.is_nan() { 0.0 } else { heat.clamp(0.0, 1.0) };
                                td style={ "--heat:" (format!("{heat:.2}")) } { (figure(value, 1)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
