//! Players and pictures.

use maud::{Markup, html};

use super::axis::{frequencies, hertz, times};
use super::{DataUri, clock, figure, name_of};
use crate::report_page::Report;
use crate::report_page::version::Signal;

/// The bar that goes from version to version while it plays; it works by script alone and is not there without.
pub(super) fn switch(report: &Report) -> Markup {
    html! {
        div #switch role="group" aria-label="Listen and compare" hidden {
            button #play type="button" aria-label="Play" { "▶" }
            input #seek type="range" min="0" max="1" step="any" value="0" aria-label="Position";
            output #clock for="seek" { "0:00" }
            label { input #repeat type="checkbox"; " Repeat" }
            div.choices role="group" aria-label="Version" {
                button type="button" data-version="original" aria-pressed="true" { "Original" }
                @for version in &report.versions {
                    button type="button" data-version=(version.codebooks) aria-pressed="false"
                        aria-label=(name_of(version.codebooks)) { (version.codebooks) }
                }
            }
        }
    }
}

/// The original and all versions, each with its player and its spectrogram.
pub(super) fn versions(report: &Report) -> Markup {
    let rate_hz = report.shape.sample_rate_hz;
    html! {
        section aria-labelledby="listen" {
            h2 #listen { "Listen" }
            p { "Starting a player stops the one before and goes on where that was, so that versions compare at the same place. "
                "A click into a picture plays from there. Spectrograms reach from 0 Hz to " (hertz(f64::from(rate_hz) / 2.0))
                ", equal steps in mel, over 80 dB." }
            div.versions {
                (card(report, "original", "Original", &format!("as coded, at {rate_hz} Hz"), &report.original.signal))
                @for version in &report.versions {
                    @let said = format!(
                        "{:.2} kbit/s, SI-SDR {} dB, mel distance {}",
                        version.nominal_kbps,
                        figure(version.comparison.si_sdr_db, 2),
                        figure(version.comparison.mel_distance, 3)
                    );
                    (card(report, &version.codebooks.to_string(), &name_of(version.codebooks), &said, &version.signal))
                }
            }
        }
    }
}

fn card(report: &Report, id: &str, name: &str, said: &str, signal: &Signal) -> Markup {
    let seconds = report.excerpt.seconds();
    let top_hz = f64::from(report.shape.sample_rate_hz) / 2.0;
    html! {
        article.version #{ "version-" (id) } data-version=(id) aria-labelledby={ "name-" (id) } {
            div.said {
                h3 #{ "name-" (id) } { (name) }
                p {
                    (said)
                    @if signal.clipped > 0 { ", " (signal.clipped) " samples beyond full scale are cut" }
                }
            }
            audio controls preload="metadata" aria-label={ "Player: " (name) }
                src=(DataUri { kind: "audio/wav", bytes: &signal.wav }) {}
            @for (channel, picture) in signal.spectrograms.iter().enumerate() {
                @let of = channel_of(signal.spectrograms.len(), channel);
                figure {
                    @if !of.is_empty() { figcaption { "Channel " (channel + 1) } }
                    div.plot.spectrogram {
                        img src=(DataUri { kind: "image/png", bytes: picture })
                            alt={ "Spectrogram: " (name) (of) ", " (clock(seconds)) ", 0 Hz to " (hertz(top_hz)) };
                        (frequencies(top_hz))
                        i.cursor aria-hidden="true" {}
                    }
                    (times(seconds))
                }
            }
        }
    }
}

/// The codes as a picture.
pub(super) fn tokens(report: &Report) -> Markup {
    let [channels, codebooks, frames] = report.codes.shape();
    let seconds = report.excerpt.seconds();
    let every = codebooks.div_ceil(12);
    html! {
        section aria-labelledby="tokens" {
            h2 #tokens { "Tokens" }
            p { "A column is a frame of " (format!("{:.1}", 1000.0 / report.shape.frame_rate_hz())) " ms, a row a codebook, the first at the top. "
                "Each of the " (report.shape.codebook_size) " codes of a codebook has its colour: where one goes on, the code stays the same." }
            @for (channel, picture) in report.token_pictures.iter().enumerate() {
                @let of = channel_of(channels, channel);
                figure.tokens {
                    @if !of.is_empty() { figcaption { "Channel " (channel + 1) } }
                    div.rows aria-hidden="true" {
                        @for codebook in 1..=codebooks {
                            span { @if (codebook - 1) % every == 0 { (codebook) } }
                        }
                    }
                    div.plot style={ "--rows:" (codebooks) } {
                        img src=(DataUri { kind: "image/png", bytes: picture })
                            alt={ "Codes of " (name_of(codebooks)) " in " (frames) " frames" (of) };
                        i.cursor aria-hidden="true" {}
                    }
                    (times(seconds))
                }
            }
        }
    }
}

/// Which of several channels.
fn channel_of(channels: usize, channel: usize) -> String {
    if channels > 1 { format!(", channel {}", channel + 1) } else { String::new() }
}
