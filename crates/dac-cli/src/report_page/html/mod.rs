//! The page: markup around what was measured. Every text goes through maud, which escapes it.

mod axis;
mod listen;
mod tables;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use sha2::{Digest, Sha256};

use super::Report;
use super::target::GENERATOR;
use crate::args::{ChannelsArg, ReportArgs};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A file inside the page.
struct DataUri<'a> {
    kind: &'static str,
    bytes: &'a [u8],
}

impl Render for DataUri<'_> {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str("data:");
        buffer.push_str(self.kind);
        buffer.push_str(";base64,");
        STANDARD.encode_string(self.bytes, buffer);
    }
}

/// The whole page.
pub(super) fn page(args: &ReportArgs, report: &Report) -> String {
    let name = args.input.file_name().unwrap_or(args.input.as_os_str()).to_string_lossy();
    let counts: Vec<usize> = report.versions.iter().map(|version| version.codebooks).collect();
    // Nothing is loaded from anywhere, and no script runs but this one.
    let script = STANDARD.encode(Sha256::digest(SCRIPT));
    let policy = format!(
        "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
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
                    p { "What the codec " b { (report.model.name) } " makes of this recording with " (range(&counts)) "." }
                    (facts(args, report, &name))
                }
                main {
                    (listen::switch(report))
                    (tables::figures(report))
                    (listen::versions(report))
                    (listen::tokens(report))
                    (tables::bands(report))
                }
                footer { p { "Made by dac " (env!("CARGO_PKG_VERSION")) ". The page needs no other file and no network." } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn facts(args: &ReportArgs, report: &Report, name: &str) -> Markup {
    let excerpt = &report.excerpt;
    let spec = &excerpt.spec;
    let run = &args.model.run;
    let (start_s, seconds) = (excerpt.start_seconds(), excerpt.seconds());
    let rate_hz = report.shape.sample_rate_hz;
    let mixed = match args.signal.channels {
        ChannelsArg::Mono if spec.channels > 1 => format!("the mean of {} channels", spec.channels),
        ChannelsArg::Keep if spec.channels > 1 => "each channel on its own".to_owned(),
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
                @if excerpt.cut || start_s > 0.0 {
                    b { "An excerpt: " (clock(start_s)) " to " (clock(start_s + seconds)) }
                    ", chosen by --start and --duration"
                } @else {
                    "The whole recording, " (clock(seconds))
                }
            }))
            (fact("Coded as", html! {
                (mixed) " at " (rate_hz) " Hz, " (plural(report.codes.frames(), "frame"))
                @if excerpt.replaced_samples > 0 {
                    ", " (excerpt.replaced_samples) " samples that were not finite as 0"
                }
                @if excerpt.truncated {
                    "; the recording is cut"
                }
            }))
            (fact("Model", html! {
                (report.model.name) ", " (report.shape.codebooks) " codebooks of " (report.shape.codebook_size) " codes"
            }))
            (fact("Weights, SHA-256", html! { code { (report.model.weights_sha256) } }))
            (fact("Device", html! {
                (run.device) @if let Some(level) = &report.cpu_level { " (" (level) ")" } ", " (run.precision)
            }))
        }
    }
}

fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// `1 frame`, `2 frames`.
fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}

/// Seconds as a player shows them, with hundredths: `1:02.50`.
fn clock(seconds: f64) -> String {
    let hundredths = (seconds * 100.0).round() as u64;
    let (minutes, rest) = (hundredths / 6000, hundredths % 6000);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let (seconds, hundredths) = (rest / 100, rest % 100);
    match hours {
        0 => format!("{minutes}:{seconds:02}.{hundredths:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}.{hundredths:02}"),
    }
}

/// A figure, or what says that there is none.
fn figure(value: f64, digits: usize) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "∞".to_owned() } else { "−∞".to_owned() }
    } else {
        format!("{value:.digits$}").replace('-', "−")
    }
}

/// `1 codebook`, `1 to 9 codebooks`, `1, 3 and 9 codebooks`.
fn range(counts: &[usize]) -> String {
    let text = |counts: &[usize]| counts.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    match counts {
        [] => String::new(),
        [count] => name_of(*count),
        [first, .., last] if last - first + 1 == counts.len() && counts.len() > 2 => {
            format!("{first} to {last} codebooks")
        }
        [before @ .., last] => format!("{} and {last} codebooks", text(before)),
    }
}

/// How the version with so many codebooks is called.
fn name_of(codebooks: usize) -> String {
    plural(codebooks, "codebook")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_times_are_written_for_people() {
        assert_eq!(figure(-3.456, 2), "−3.46");
        assert_eq!(figure(f64::INFINITY, 2), "∞");
        assert_eq!(figure(f64::NEG_INFINITY, 2), "−∞");
        assert_eq!(figure(f64::NAN, 2), "–");
        assert_eq!(range(&[1]), "1 codebook");
        assert_eq!(range(&[1, 2]), "1 and 2 codebooks");
        assert_eq!(range(&[2, 3, 4]), "2 to 4 codebooks");
        assert_eq!(range(&[1, 3, 9]), "1, 3 and 9 codebooks");
        assert_eq!(clock(0.0), "0:00.00");
        assert_eq!(clock(59.999), "1:00.00");
        assert_eq!(clock(7325.5), "2:02:05.50");
    }

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let name = "<img src=x onerror=alert(1)>&\"'";
        let text = html! { p title=(name) { (name) } }.into_string();
        assert!(
            !text.contains("<img") && text.contains("&lt;img src=x onerror=alert(1)&gt;&amp;&quot;"),
            "{text}"
        );
        let uri = DataUri { kind: "text/plain", bytes: b"\xff\xfe\xfd" };
        assert_eq!(html! { a href=(uri) {} }.into_string(), "<a href=\"data:text/plain;base64,//79\"></a>");
    }
}
