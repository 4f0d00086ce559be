//! Spectrograms as PNG pictures.

use std::f32::consts::TAU;

use anyhow::Error;
use realfft::RealFftPlanner;

const WINDOW_SAMPLES: usize = 1024;
/// Levels from the picture's loudest value down to this many dB below are told apart.
const DEPTH_DB: f32 = 80.0;

/// Levels in dB, `[columns][bins]`: Hann windows of 1024 samples, one every `step` samples, bins from 0 Hz on.
pub(super) fn levels_db(signal: &[f32], step: usize, bins: usize) -> Result<Vec<Vec<f32>>, Error> {
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW_SAMPLES);
    let (mut input, mut output) = (fft.make_input_vec(), fft.make_output_vec());
    let mut columns = Vec::new();
    for start in (0..(signal.len() + 1).saturating_sub(WINDOW_SAMPLES)).step_by(step) {
        for (n, value) in input.iter_mut().enumerate() {
            let hann = 0.5 - 0.5 * (TAU * n as f32 / WINDOW_SAMPLES as f32).cos();
            *value = signal[start + n] * hann;
        }
        fft.process(&mut input, &mut output)?;
        columns.push(output.iter().take(bins).map(|v| 10.0 * (v.norm_sqr() + 1e-12).log10()).collect());
    }
    Ok(columns)
}

/// A picture of levels, low frequencies at the bottom, dark to bright over 80 dB below `loudest_db`.
pub(super) fn png(levels_db: &[Vec<f32>], loudest_db: f32) -> Result<Vec<u8>, Error> {
    let (width, height) = (levels_db.len(), levels_db.first().map_or(0, Vec::len));
    let mut pixels = Vec::with_capacity(width * height);
    for bin in (0..height).rev() {
        for column in levels_db {
            let level = (column[bin] - loudest_db) / DEPTH_DB + 1.0;
            pixels.push((level.clamp(0.0, 1.0) * 63.0).round() as u8);
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette((0..64).flat_map(|n| colour(n as f32 / 63.0)).collect::<Vec<u8>>());
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}

/// From black over violet and orange to a light yellow.
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
    fn a_sine_is_loudest_in_its_own_bin() {
        let signal: Vec<f32> =
            (0..4096).map(|n| (TAU * 40.0 * n as f32 / WINDOW_SAMPLES as f32).sin()).collect();
        let columns = levels_db(&signal, 256, 200).unwrap();
        assert_eq!(columns.len(), 13);
        for column in &columns {
            let loudest = (0..200).max_by(|&a, &b| column[a].total_cmp(&column[b]));
            assert_eq!(loudest, Some(40));
            assert!(column[40] - column[80] > 60.0);
        }
        let decoder = png::Decoder::new(std::io::Cursor::new(png(&columns, columns[0][40]).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (13, 200));
    }
}
