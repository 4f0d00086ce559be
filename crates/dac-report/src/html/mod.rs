//! HTML of a page. All text passes through maud, which escapes it.

mod axis;
mod data_uri;
pub mod fragments;
mod listen;
mod tables;
mod text;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dac::ChannelMix;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::report::{Codec, Recording, Report};
use text::{clock, counts_text, plural};

/// Content of the `generator` tag.
const GENERATOR: &str = concat!("dac report ", env!("CARGO_PKG_VERSION"));
/// Start of the `generator` tag in pages of every version, near the start of the page.
pub(crate) const GENERATOR_TAG: &str = r#"<meta name="generator" content="dac report "#;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Builds the page. It loads no other file and uses no network.
pub fn html_page(report: &Report) -> String {
    let name = &report.recording.name;
    let counts: Vec<usize> = report.variants.iter().map(|variant| variant.codebooks).collect();
    // The policy allows nothing but embedded pictures and audio, the style sheet and this one script.
    let script = STANDARD.encode(Sha256::digest(SCRIPT));
    let policy = format!(
        "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; \
         script-src 'sha256-{script}'"
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(GENERATOR);
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (name) " – dac report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (name) }
                    p {
                        "This recording, encoded and decoded by the model " b { (report.codec.model) }
                        " with " (counts_text(&counts)) "."
                    }
                    (facts(report))
                }
                main {
                    (listen::switch(true, counts.iter().copied()))
                    (figures(report))
                    (listen::variants(report))
                    (tokens(report))
                    (tables::bands(report))
                }
                footer { p {
                    "Made by dac " (env!("CARGO_PKG_VERSION"))
                    ". The page needs no other file and no network."
                } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Sizes and distances of all variants.
fn figures(report: &Report) -> Markup {
    let wav_bytes = report.original.wav.len() as u64;
    html! {
        section aria-labelledby="figures" {
            h2 #figures { "Figures" }
            p { "Higher SI-SDR is better; lower mel and STFT distances (as defined by the reference codec) "
                "are better. The nominal bitrate counts only codes; a .dacp file also has a header." }
            (tables::figures(&report.variants))
            p.note { "The original as a 16-bit WAV file at the model's rate: " (wav_bytes) " bytes, "
                (text::decimal(report.recording.kbps(wav_bytes), 2)) " kbit/s." }
        }
    }
}

/// Pictures of the codes.
fn tokens(report: &Report) -> Markup {
    html! {
        section aria-labelledby="tokens" {
            h2 #tokens { "Tokens" }
            (listen::tokens(&report.tokens, &report.codec.shape, report.recording.seconds))
        }
    }
}

/// Facts about the recording and the model.
fn facts(report: &Report) -> Markup {
    let Recording { name, spec, start_seconds, seconds, .. } = &report.recording;
    let Codec { model, weights_sha256, device, precision, isa, shape } = &report.codec;
    let mixed = match report.tokens.mix {
        ChannelMix::Mono if spec.channels > 1 => format!("the mean of {} channels", spec.channels),
        ChannelMix::Keep if spec.channels > 1 => "each channel separately".to_owned(),
        _ => "one channel".to_owned(),
    };
    html! {
        dl.facts {
            (fact("Recording", html! { (name) }))
            (fact("Format", html! {
                (spec.codec) ", " (spec.sample_rate_hz) " Hz, " (plural(spec.channels, "channel"))
                @if let Some(samples) = spec.samples {
                    ", " (clock(samples as f64 / f64::from(spec.sample_rate_hz)))
                }
            }))
            (fact("On this page", html! {
                @if report.recording.continues || *start_seconds > 0.0 {
                    b { "An excerpt: " (clock(*start_seconds)) " to " (clock(start_seconds + seconds)) }
                    ", chosen by --start and --duration"
                } @else {
                    "The whole recording, " (clock(*seconds))
                }
            }))
            (fact("Encoded as", html! {
                (mixed) " at " (shape.sample_rate_hz) " Hz, " (plural(report.tokens.frames, "frame"))
                @if report.recording.replaced_samples > 0 {
                    ", " (report.recording.replaced_samples) " samples that were not finite became 0"
                }
                @if report.recording.truncated {
                    "; the recording is truncated"
                }
                @if let Some(samples) = report.recording.damaged_samples {
                    "; " (samples) " damaged samples became silence"
                }
                @if let Some(warning) = &report.recording.warning {
                    "; " (warning)
                }
            }))
            (fact("Model", html! {
                (model) ", " (shape.codebooks) " codebooks of " (shape.codebook_size) " codes"
            }))
            (fact("Weights, SHA-256", html! { code { (weights_sha256) } }))
            (fact("Device", html! {
                (device) @if let Some(isa) = isa { " (" (isa) ")" } ", " (precision)
            }))
        }
    }
}

fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}
