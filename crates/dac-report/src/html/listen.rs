//! Players, spectrograms and token pictures.

use dac::codec::NetworkShape;
use maud::{Markup, html};

use super::axis::{frequencies, hertz, times};
use super::data_uri::DataUri;
use super::text::{clock, codebooks_text, decimal};
use crate::report::{Report, Signal, Tokens, Variant};

/// Bar that switches between versions during playback. The script shows it.
pub(super) fn switch(has_original: bool, counts: impl Iterator<Item = usize>) -> Markup {
    html! {
        div #switch role="group" aria-label="Listen and compare" hidden {
            button #play type="button" aria-label="Play" { "▶" }
            input #seek type="range" min="0" max="1" step="any" value="0" aria-label="Position";
            output #clock for="seek" { "0:00" }
            label { input #repeat type="checkbox"; " Repeat" }
            div.choices role="group" aria-label="Version" {
                @if has_original {
                    button type="button" data-version="original" aria-pressed="true" { "Original" }
                }
                @for count in counts {
                    button type="button" data-version=(count) aria-pressed="false"
                        aria-label=(codebooks_text(count)) { (count) }
                }
            }
        }
    }
}

/// Players and spectrograms of the original and all variants.
pub(super) fn variants(report: &Report) -> Markup {
    let rate_hz = report.codec.shape.sample_rate_hz;
    let axes = Axes { seconds: report.recording.seconds, rate_hz };
    html! {
        section aria-labelledby="listen" {
            h2 #listen { "Listen" }
            p { "Starting a player stops the current one and continues at its position, so that versions can "
                "be compared at the same place. A click on a picture plays from there. Spectrograms range "
                "from 0 Hz to " (hertz(f64::from(rate_hz) / 2.0)) " in equal steps of mel, over 80 dB." }
            div.versions {
                (original(&report.original, axes))
                @for version in &report.variants { (variant(version, axes)) }
            }
        }
    }
}

/// Extent of a signal's pictures.
#[derive(Debug, Clone, Copy)]
pub struct Axes {
    /// Length in seconds.
    pub seconds: f64,
    /// Sample rate; spectrograms reach half of it.
    pub rate_hz: u32,
}

/// Player and spectrograms of the original.
pub(super) fn original(signal: &Signal, axes: Axes) -> Markup {
    card(axes, "original", "Original", &format!("as encoded, at {} Hz", axes.rate_hz), signal)
}

/// Player and spectrograms of a variant.
pub(super) fn variant(variant: &Variant, axes: Axes) -> Markup {
    let mut summary = format!("{:.2} kbit/s", variant.nominal_kbps);
    if !variant.si_sdr_db.is_nan() {
        let (si_sdr_db, mel) = (decimal(variant.si_sdr_db, 2), decimal(variant.mel_distance, 3));
        summary += &format!(", SI-SDR {si_sdr_db} dB, mel distance {mel}");
    }
    let (id, name) = (variant.codebooks.to_string(), codebooks_text(variant.codebooks));
    card(axes, &id, &name, &summary, &variant.signal)
}

/// Player and spectrograms of one signal. A script adds the audio of a signal without a WAV file.
fn card(axes: Axes, id: &str, name: &str, summary: &str, signal: &Signal) -> Markup {
    let Axes { seconds, rate_hz } = axes;
    let top_hz = f64::from(rate_hz) / 2.0;
    let wav = DataUri { media_type: "audio/wav", bytes: &signal.wav };
    html! {
        article.version #{ "version-" (id) } data-version=(id) aria-labelledby={ "name-" (id) } {
            div.summary {
                h3 #{ "name-" (id) } { (name) }
                p {
                    (summary)
                    @if signal.clipped > 0 { ", " (signal.clipped) " samples beyond full scale are clipped" }
                }
            }
            audio controls preload="metadata" aria-label={ "Player: " (name) }
                src=[Some(wav).filter(|wav| !wav.bytes.is_empty())] {}
            @for (channel, picture) in signal.spectrograms.iter().enumerate() {
                @let of_channel = channel_suffix(signal.spectrograms.len(), channel);
                figure {
                    @if !of_channel.is_empty() { figcaption { "Channel " (channel + 1) } }
                    div.plot.spectrogram {
                        img src=(DataUri { media_type: "image/png", bytes: picture })
                            alt={
                                "Spectrogram: " (name) (of_channel) ", " (clock(seconds))
                                ", 0 Hz to " (hertz(top_hz))
                            };
                        (frequencies(top_hz))
                        i.cursor aria-hidden="true" {}
                    }
                    (times(seconds))
                }
            }
        }
    }
}

/// Pictures of the codes, with an explanation.
pub(super) fn tokens(tokens: &Tokens, shape: &NetworkShape, seconds: f64) -> Markup {
    let Tokens { channels, codebooks, frames, .. } = *tokens;
    let frame_ms = 1000.0 / shape.frame_rate_hz();
    let label_every = codebooks.div_ceil(12);
    html! {
        p { "A column is a frame of " (format!("{frame_ms:.1}"))
            " ms, a row is a codebook, the first at the top. Each of the " (shape.codebook_size)
            " codes of a codebook has its own colour; a constant colour is a constant code." }
        @for (channel, picture) in tokens.pngs.iter().enumerate() {
            @let of_channel = channel_suffix(channels, channel);
            figure.tokens {
                @if !of_channel.is_empty() { figcaption { "Channel " (channel + 1) } }
                div.rows aria-hidden="true" {
                    @for codebook in 1..=codebooks {
                        span { @if (codebook - 1) % label_every == 0 { (codebook) } }
                    }
                }
                div.plot style={ "--rows:" (codebooks) } {
                    img src=(DataUri { media_type: "image/png", bytes: picture })
                        alt={
                            "Codes of " (codebooks_text(codebooks)) " in " (frames) " frames" (of_channel)
                        };
                    i.cursor aria-hidden="true" {}
                }
                (times(seconds))
            }
        }
    }
}

/// Suffix that names one of several channels.
fn channel_suffix(channels: usize, channel: usize) -> String {
    if channels > 1 { format!(", channel {}", channel + 1) } else { String::new() }
}
