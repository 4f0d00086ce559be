//! Spectrograms: levels of a signal, and their picture.

use std::f32::consts::TAU;
use std::ops::Range;

use realfft::RealFftPlanner;

use crate::PictureError;
use crate::pixels::indexed_png;

/// Window length in samples; a window of `n` samples yields `n / 2 + 1` bins.
pub const SPECTROGRAM_WINDOW_SAMPLES: usize = 1024;
/// Dynamic range of a picture.
const DEPTH_DB: f32 = 80.0;
/// Number of colours in the palette.
const COLOURS: usize = 64;

/// Computes levels in dB, `[columns][bins]`: a column per Hann window that fits into the signal, one every
/// `step_samples` samples, with up to `bins` bins from 0 Hz. A step of 0 counts as 1.
#[must_use]
pub fn spectrogram_db(signal: &[f32], step_samples: usize, bins: usize) -> Vec<Vec<f32>> {
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(SPECTROGRAM_WINDOW_SAMPLES);
    let (mut input, mut output) = (fft.make_input_vec(), fft.make_output_vec());
    let turn = TAU / SPECTROGRAM_WINDOW_SAMPLES as f32;
    let hann: Vec<f32> =
        (0..SPECTROGRAM_WINDOW_SAMPLES).map(|n| 0.5 - 0.5 * (turn * n as f32).cos()).collect();
    let mut columns = Vec::new();
    for window in signal.windows(SPECTROGRAM_WINDOW_SAMPLES).step_by(step_samples.max(1)) {
        for ((into, value), weight) in input.iter_mut().zip(window).zip(&hann) {
            *into = value * weight;
        }
        // Fails only for buffers of another length than the plan's.
        let _ = fft.process(&mut input, &mut output);
        columns.push(output.iter().take(bins).map(|v| 10.0 * (v.norm_sqr() + 1e-12).log10()).collect());
    }
    columns
}

/// Reduces levels `[columns][bins]` to `columns` columns (at most as many as given) and one row between each
/// two `edges`, given in bins. A cell has the mean power of the levels it covers; a row without a bin uses
/// the nearest one.
#[must_use]
pub fn pooled_db(levels_db: &[Vec<f32>], columns: usize, edges: &[f32]) -> Vec<Vec<f32>> {
    let bins = levels_db.first().map_or(0, Vec::len);
    let columns = columns.min(levels_db.len());
    let rows = edges.windows(2).map(|edge| {
        let (low, high) = (edge[0].max(0.0), edge[1].max(0.0));
        let (first, end) = (low.ceil() as usize, (high.ceil() as usize).min(bins));
        let nearest = ((low + high) / 2.0).round() as usize;
        if first < end { first..end } else { nearest.min(bins.saturating_sub(1))..(nearest + 1).min(bins) }
    });
    let rows: Vec<Range<usize>> = rows.collect();
    let mean_db = |part: &[Vec<f32>], row: &Range<usize>| {
        let levels = part.iter().filter_map(|column| column.get(row.clone())).flatten();
        let (sum, count) = levels.fold((0.0_f64, 0_u32), |(sum, count), &level_db| {
            (sum + 10.0_f64.powf(f64::from(level_db) / 10.0), count + 1)
        });
        (10.0 * (sum / f64::from(count.max(1))).log10()) as f32
    };
    (0..columns)
        .map(|column| {
            let start = column * levels_db.len() / columns;
            let end = (column + 1) * levels_db.len() / columns;
            rows.iter().map(|row| mean_db(&levels_db[start..end], row)).collect()
        })
        .collect()
}

/// Draws levels `[columns][bins]` with low frequencies at the bottom, dark to bright over the 80 dB below
/// `loudest_db`.
///
/// # Errors
/// [`PictureError::Size`] if there are no levels or the columns differ in length.
pub fn spectrogram_png(levels_db: &[Vec<f32>], loudest_db: f32) -> Result<Vec<u8>, PictureError> {
    let (columns, rows) = (levels_db.len(), levels_db.first().map_or(0, Vec::len));
    if levels_db.iter().any(|column| column.len() != rows) {
        return Err(PictureError::Size { columns, rows, found: levels_db.iter().map(Vec::len).sum() });
    }
    let index = |level_db: f32| {
        let level = (level_db - loudest_db) / DEPTH_DB + 1.0;
        (level.clamp(0.0, 1.0) * (COLOURS - 1) as f32).round() as u8
    };
    let row = |bin: usize| levels_db.iter().filter_map(move |column| column.get(bin));
    let indices: Vec<u8> = (0..rows).rev().flat_map(row).map(|&level_db| index(level_db)).collect();
    let palette: Vec<[u8; 3]> = (0..COLOURS).map(|n| colour(n as f32 / (COLOURS - 1) as f32)).collect();
    indexed_png(columns, &indices, &palette)
}

/// Interpolates from black over violet and orange to light yellow.
fn colour(level: f32) -> [u8; 3] {
    const STOPS: [[f32; 3]; 5] = [
        [4.0, 4.0, 20.0],
        [80.0, 18.0, 110.0],
        [185.0, 55.0, 85.0],
        [250.0, 140.0, 20.0],
        [252.0, 250.0, 190.0],
    ];
    let at = level * (STOPS.len() - 1) as f32;
    let low = (at as usize).min(STOPS.len() - 2);
    std::array::from_fn(|i| {
        let (from, to) = (STOPS[low][i], STOPS[low + 1][i]);
        (from + (to - from) * (at - low as f32)).round() as u8
    })
}
