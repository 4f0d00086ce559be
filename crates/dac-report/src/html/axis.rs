//! Marks of time and frequency on pictures.

use maud::{Markup, html};

use crate::pictures::mel_of_hz;

/// Largest number of time marks that fit on a phone.
const MAX_TIMES: f64 = 6.0;
/// Marked frequencies, as far as they are below the top of the axis.
const MARKED_HZ: [f64; 6] = [500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0];

/// Marks of time in seconds from the start of the excerpt.
pub(super) fn times(seconds: f64) -> Markup {
    let step_s = mark_step(seconds);
    let digits = usize::from(step_s < 1.0) + usize::from(step_s < 0.1);
    let marks = (0..).map(|n| f64::from(n) * step_s).take_while(|at| *at <= seconds * 0.97);
    html! {
        div.times aria-hidden="true" {
            @for at_s in marks {
                span style={ "left:" (percent(at_s / seconds)) } { (format!("{at_s:.digits$}")) " s" }
            }
        }
    }
}

/// Marks of frequency from 0 Hz at the bottom to `top_hz` at the top.
pub(super) fn frequencies(top_hz: f64) -> Markup {
    let marks = MARKED_HZ.into_iter().filter(|hz| mel_of_hz(*hz) < 0.97 * mel_of_hz(top_hz));
    html! {
        div.frequencies aria-hidden="true" {
            @for hz in marks {
                span style={ "bottom:" (percent(mel_of_hz(hz) / mel_of_hz(top_hz))) } { (hertz(hz)) }
            }
        }
    }
}

/// Formats a frequency: `500 Hz`, `2 kHz`.
pub(super) fn hertz(hz: f64) -> String {
    if hz < 1000.0 { format!("{hz} Hz") } else { format!("{} kHz", hz / 1000.0) }
}

fn percent(part: f64) -> String {
    format!("{:.2}%", part * 100.0)
}

/// Distance of two time marks: 1, 2 or 5 times a power of ten.
fn mark_step(seconds: f64) -> f64 {
    let smallest = (seconds / MAX_TIMES).max(0.01);
    let power = 10.0_f64.powf(smallest.log10().floor());
    [1.0, 2.0, 5.0].map(|n| n * power).into_iter().find(|step| *step >= smallest).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_few_and_at_round_numbers() {
        for (seconds, expected) in
            [(0.001, 0.01), (0.3, 0.05), (3.8, 1.0), (30.0, 5.0), (61.0, 20.0), (600.0, 100.0)]
        {
            assert!((mark_step(seconds) - expected).abs() < 1e-9, "{seconds}: {}", mark_step(seconds));
            let marks = times(seconds).into_string().matches("<span").count();
            assert!((1..=7).contains(&marks), "{seconds}: {marks}");
        }
        let text = frequencies(8000.0).into_string();
        assert!(text.contains("4 kHz") && !text.contains("8 kHz"), "{text}");
    }
}
