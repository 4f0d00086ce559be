//! Rows of waveform and spectrogram as one SVG picture.

use std::fmt::Write;

use anyhow::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dac_picture::{spectrogram_db, spectrogram_png};

const WIDTH: usize = 880;
const MARGIN: usize = 20;
const WAVE_HEIGHT: usize = 110;
const PLOT_WIDTH: usize = 410;
const ROW_HEIGHT: usize = WAVE_HEIGHT + 52;
/// Samples from one column of the spectrogram to the next.
const STEP_SAMPLES: usize = 128;
/// Bins of the spectrogram that are shown: up to 10 kHz at 44.1 kHz.
const BINS: usize = 232;

/// One decode, and how it differs from the whole.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) said: String,
    pub(super) signal: Vec<f32>,
    pub(super) error: Vec<f32>,
}

/// The picture of all rows, which begin at `start_s` of the recording.
pub(super) fn svg(rows: &[Row], rate_hz: usize, start_s: f64) -> Result<String, Error> {
    let height = MARGIN + rows.len() * ROW_HEIGHT + 14;
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">"
    )?;
    writeln!(svg, "<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>")?;
    let peak = rows.iter().flat_map(|row| &row.signal).fold(1e-9_f32, |peak, v| peak.max(v.abs()));
    let levels: Vec<_> = rows.iter().map(|row| spectrogram_db(&row.signal, STEP_SAMPLES, BINS)).collect();
    let loudest_db = levels.iter().flatten().flatten().copied().fold(f32::MIN, f32::max);
    for (index, (row, levels)) in rows.iter().zip(&levels).enumerate() {
        let top = MARGIN + index * ROW_HEIGHT;
        let (plot, right) = (top + 10, WIDTH - MARGIN - PLOT_WIDTH);
        writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{top}\" font-weight=\"bold\" fill=\"#111\">{}</text>",
            row.title
        )?;
        writeln!(
            svg,
            "<rect x=\"{MARGIN}\" y=\"{plot}\" width=\"{PLOT_WIDTH}\" height=\"{WAVE_HEIGHT}\" fill=\"#f4f4f4\"/>"
        )?;
        for (signal, colour) in [(&row.signal, "#8095b5"), (&row.error, "#d00000")] {
            let path = envelope(signal, peak, plot);
            writeln!(svg, "<path d=\"{path}\" stroke=\"{colour}\" fill=\"none\"/>")?;
        }
        let image = STANDARD.encode(spectrogram_png(levels, loudest_db)?);
        writeln!(
            svg,
            "<image x=\"{right}\" y=\"{plot}\" width=\"{PLOT_WIDTH}\" height=\"{WAVE_HEIGHT}\" preserveAspectRatio=\"none\" href=\"data:image/png;base64,{image}\"/>"
        )?;
        let text = plot + WAVE_HEIGHT + 15;
        writeln!(svg, "<text x=\"{MARGIN}\" y=\"{text}\" fill=\"#d00000\">{}</text>", row.said)?;
    }
    let end_s = start_s + rows.first().map_or(0, |row| row.signal.len()) as f64 / rate_hz as f64;
    let khz = BINS as f64 * rate_hz as f64 / 1_024_000.0;
    writeln!(
        svg,
        "<text x=\"{MARGIN}\" y=\"{}\" fill=\"#555\">{start_s:.1} to {end_s:.1} s; left: the waveform and, in red, what differs from the decode of the whole; right: 0 to {khz:.0} kHz</text>",
        height - 8
    )?;
    svg.push_str("</svg>\n");
    Ok(svg)
}

/// A vertical stroke a column, from the least to the largest sample in it.
fn envelope(signal: &[f32], peak: f32, top: usize) -> String {
    let middle = top as f32 + WAVE_HEIGHT as f32 / 2.0;
    let y = |value: f32| middle - value / peak * (WAVE_HEIGHT as f32 / 2.0 - 2.0);
    let mut path = String::new();
    for column in 0..PLOT_WIDTH {
        let range = column * signal.len() / PLOT_WIDTH..(column + 1) * signal.len() / PLOT_WIDTH;
        let part = signal.get(range).unwrap_or_default();
        let (low, high) = part.iter().fold((0.0_f32, 0.0_f32), |(low, high), v| (low.min(*v), high.max(*v)));
        // A stroke of no height would not be drawn.
        let (from, to) = (y(high) - 0.3, y(low) + 0.3);
        path += &format!("M{}.5 {from:.1}V{to:.1}", MARGIN + column);
    }
    path
}
