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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_is_loudest_in_its_bin() {
        let turn = TAU / SPECTROGRAM_WINDOW_SAMPLES as f32;
        let signal: Vec<f32> = (0..4096).map(|n| (turn * 40.0 * n as f32).sin()).collect();
        let columns = spectrogram_db(&signal, 256, 200);
        assert_eq!(columns.len(), 13);
        for column in &columns {
            let loudest = (0..200).max_by(|&a, &b| column[a].total_cmp(&column[b]));
            assert_eq!(loudest, Some(40));
            assert!(column[40] - column[80] > 60.0);
        }
        let file = spectrogram_png(&columns, columns[0][40]).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut indices = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut indices).unwrap();
        assert_eq!((info.width, info.height), (13, 200));
        // The brightest colour is in the row of bin 40 from the bottom.
        let brightest = 13 * (199 - 40);
        assert_eq!(indices[brightest..brightest + 13], [63; 13]);
    }

    #[test]
    fn pooled_cells_have_the_mean_power() {
        let levels: Vec<Vec<f32>> =
            vec![vec![0.0, 10.0, 20.0, 30.0], vec![0.0, 10.0, 20.0, 30.0], vec![3.0; 4], vec![3.0; 4]];
        let pooled = pooled_db(&levels, 2, &[0.0, 0.4, 2.0, 3.9]);
        assert_eq!(pooled.len(), 2);
        // The rows have powers 1 (nearest bin), 10, and the mean of 100 and 1000.
        for (found, expected) in pooled[0].iter().zip([0.0, 10.0, 10.0 * 550.0_f32.log10()]) {
            assert!((found - expected).abs() < 1e-4, "{pooled:?}");
        }
        assert!(pooled[1].iter().all(|level_db| (level_db - 3.0).abs() < 1e-4), "{pooled:?}");
        // At most as many columns as given; one column with the powers of both halves.
        assert_eq!(pooled_db(&levels, 9, &[0.0, 1.0]).len(), 4);
        let both = pooled_db(&levels, 1, &[2.0, 3.0])[0][0];
        let expected = 10.0 * ((100.0 + 10.0_f32.powf(0.3)) / 2.0).log10();
        assert!((both - expected).abs() < 1e-3, "{both}");
        assert!(pooled_db(&[], 3, &[0.0, 1.0]).is_empty());
        assert_eq!(pooled_db(&levels, 1, &[0.0]), [vec![]; 1]);
        assert_eq!(pooled_db(&levels, 1, &[70.0, 90.0])[0].len(), 1);
    }

    #[test]
    fn unusual_sizes_do_not_panic() {
        assert!(spectrogram_db(&[0.0; SPECTROGRAM_WINDOW_SAMPLES - 1], 1, 9).is_empty());
        assert_eq!(spectrogram_db(&[0.0; SPECTROGRAM_WINDOW_SAMPLES], 0, 9999)[0].len(), 513);
        for levels in [vec![], vec![vec![]], vec![vec![0.0], vec![]]] {
            assert!(matches!(spectrogram_png(&levels, 0.0), Err(PictureError::Size { .. })));
        }
        // NaN levels are drawn dark.
        assert!(spectrogram_png(&[vec![f32::NAN, f32::INFINITY]], f32::NAN).is_ok());
    }
}
