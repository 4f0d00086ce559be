//! Spectrograms and codes as PNG pictures, with time from left to right.

use dac::{Audio, Codes};
use dac_picture::{
    PictureError, SPECTROGRAM_WINDOW_SAMPLES, pooled_db, rgb_png, spectrogram_db, spectrogram_png,
};

/// Largest number of columns of a spectrogram.
const MAX_COLUMNS: usize = 1200;
const ROWS: usize = 192;
/// Smallest and largest distance of two windows.
const STEP_SAMPLES: (usize, usize) = (64, SPECTROGRAM_WINDOW_SAMPLES / 2);
/// Steps in hue and lightness from one code to the next. Their multiples fill the unit square evenly: powers
/// of the plastic number, Roberts's R2 sequence.
const COLOUR_STEPS: [f32; 2] = [0.754_877_7, 0.569_840_3];

/// Levels in dB, `[channels][columns][rows]`.
#[derive(Debug)]
pub struct Spectrogram(Vec<Vec<Vec<f32>>>);

impl Spectrogram {
    /// Measures each channel. Rows are equal steps in mel from 0 Hz to half the rate.
    pub fn new(audio: &Audio) -> Self {
        let top = mel_of_hz(f64::from(audio.rate_hz) / 2.0);
        let bin_hz = f64::from(audio.rate_hz) / SPECTROGRAM_WINDOW_SAMPLES as f64;
        let edges: Vec<f32> =
            (0..=ROWS).map(|row| (hz_of_mel(top * row as f64 / ROWS as f64) / bin_hz) as f32).collect();
        let step_samples = (audio.samples() / MAX_COLUMNS).clamp(STEP_SAMPLES.0, STEP_SAMPLES.1);
        let levels = |samples: &Vec<f32>| {
            // With the padding, windows are centred on their columns, the first on the signal's start.
            let silence = [0.0; SPECTROGRAM_WINDOW_SAMPLES / 2];
            let padded = [&silence, samples.as_slice(), &silence].concat();
            let levels_db = spectrogram_db(&padded, step_samples, SPECTROGRAM_WINDOW_SAMPLES / 2 + 1);
            pooled_db(&levels_db, MAX_COLUMNS, &edges)
        };
        Self(audio.channels.iter().map(levels).collect())
    }

    /// Largest level of all channels.
    pub fn loudest_db(&self) -> f32 {
        self.0.iter().flatten().flatten().copied().fold(f32::MIN, f32::max)
    }

    /// Draws one PNG file per channel; `loudest_db` gets the brightest colour.
    ///
    /// # Errors
    /// When the signal is empty.
    pub fn pngs(&self, loudest_db: f32) -> Result<Vec<Vec<u8>>, PictureError> {
        self.0.iter().map(|levels_db| spectrogram_png(levels_db, loudest_db)).collect()
    }
}

/// Converts Hz to mel, which spaces frequencies as they are heard.
pub(crate) fn mel_of_hz(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

/// Converts mel to Hz.
fn hz_of_mel(mel: f64) -> f64 {
    700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0)
}

/// Draws codes as one PNG file per channel: a row per codebook, the first at the top, a column per frame, a
/// colour per code.
///
/// # Errors
/// When the picture would be too large.
pub fn token_pngs(codes: &Codes) -> Result<Vec<Vec<u8>>, PictureError> {
    let frames = codes.frames();
    let channel_codes = codes.codebooks() * frames;
    let pixels: Vec<[u8; 3]> = codes.as_slice().iter().map(|&code| colour(code)).collect();
    pixels.chunks(channel_codes.max(1)).map(|pixels| rgb_png(frames, pixels)).collect()
}

/// Colour of a code. Neighbouring codes differ strongly in hue and lightness.
fn colour(code: u16) -> [u8; 3] {
    let [hue, lightness] = COLOUR_STEPS.map(|step| (f32::from(code) * step).fract());
    let (hue, lightness) = (hue * 6.0, 0.35 + 0.4 * lightness);
    let chroma = 0.7 * (1.0 - (2.0 * lightness - 1.0).abs());
    // Hue, chroma and lightness to red, green and blue, as in CSS's hsl().
    [0.0, 4.0, 2.0].map(|shift| {
        let sector = (hue + shift) % 6.0;
        let part = (sector.min(4.0 - sector)).clamp(0.0, 1.0);
        (255.0 * (lightness + chroma * (part - 0.5))).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::f32::consts::TAU;

    use super::*;

    #[test]
    fn codes_differ_in_colour() {
        let colours: HashSet<_> = (0..1024).map(colour).collect();
        assert!(colours.len() > 1000, "{}", colours.len());
        let codes = Codes::new((0..24).collect(), [2, 3, 4]).unwrap();
        let pictures = token_pngs(&codes).unwrap();
        assert_eq!(pictures.len(), 2);
        assert_eq!(pictures[0], rgb_png(4, &(0..12).map(colour).collect::<Vec<_>>()).unwrap());
        assert!(token_pngs(&Codes::new(vec![], [1, 3, 0]).unwrap()).unwrap().is_empty());
    }

    #[test]
    fn a_tone_is_at_its_pitch_from_start_to_end() {
        let rate_hz = 16000;
        for samples in [1, 700, 40_000, 1_000_000] {
            let tone = |n: usize| (TAU * 1000.0 / rate_hz as f32 * (n % rate_hz) as f32).sin();
            let audio =
                Audio { channels: vec![(0..samples).map(tone).collect(); 2], rate_hz: rate_hz as u32 };
            let spectrogram = Spectrogram::new(&audio);
            let columns = &spectrogram.0[1];
            assert!(columns.len() <= MAX_COLUMNS && !columns.is_empty());
            assert_eq!(spectrogram.pngs(spectrogram.loudest_db()).unwrap().len(), 2);
            if samples > 700 {
                assert!(columns.len() > MAX_COLUMNS / 2, "{samples} samples: {}", columns.len());
                let expected = (mel_of_hz(1000.0) / mel_of_hz(8000.0) * ROWS as f64) as usize;
                for column in &columns[columns.len() / 9..columns.len() * 8 / 9] {
                    let loudest = (0..ROWS).max_by(|&a, &b| column[a].total_cmp(&column[b])).unwrap();
                    assert!(loudest.abs_diff(expected) <= 2, "{loudest}, not {expected}");
                }
            }
        }
    }
}
