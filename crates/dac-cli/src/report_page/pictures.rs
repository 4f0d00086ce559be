//! Spectrograms and tokens as PNG pictures, all over the same time from left to right.

use anyhow::Error;
use dac::{Audio, Codes};
use dac_picture::{SPECTROGRAM_WINDOW_SAMPLES, pooled_db, rgb_png, spectrogram_db, spectrogram_png};

/// The most columns of a spectrogram.
const COLUMNS: usize = 1200;
const ROWS: usize = 192;
/// The least and the most samples from one window to the next.
const STEP_SAMPLES: (usize, usize) = (64, SPECTROGRAM_WINDOW_SAMPLES / 2);
/// Steps in hue and lightness from one code to the next: multiples of both together fill a square evenly (powers of the plastic
/// number, Roberts's R2 sequence).
const STEPS: [f32; 2] = [0.754_877_7, 0.569_840_3];

/// The levels of a spectrogram, `[channels][columns][rows]`.
pub(super) struct Levels(Vec<Vec<Vec<f32>>>);

impl Levels {
    /// The levels of each channel, on an axis of equal steps in [`mel`] from 0 Hz to half the rate.
    pub(super) fn of(audio: &Audio) -> Self {
        let top = mel(f64::from(audio.rate_hz) / 2.0);
        let bin_hz = f64::from(audio.rate_hz) / SPECTROGRAM_WINDOW_SAMPLES as f64;
        let edges: Vec<f32> =
            (0..=ROWS).map(|row| (hz(top * row as f64 / ROWS as f64) / bin_hz) as f32).collect();
        let step_samples = (audio.samples() / COLUMNS).clamp(STEP_SAMPLES.0, STEP_SAMPLES.1);
        let levels = |samples: &Vec<f32>| {
            // Windows are centred on what they stand for, the first on the signal's start.
            let silence = [0.0; SPECTROGRAM_WINDOW_SAMPLES / 2];
            let padded = [&silence, samples.as_slice(), &silence].concat();
            let levels_db = spectrogram_db(&padded, step_samples, SPECTROGRAM_WINDOW_SAMPLES / 2 + 1);
            pooled_db(&levels_db, COLUMNS, &edges)
        };
        Self(audio.channels.iter().map(levels).collect())
    }

    pub(super) fn loudest_db(&self) -> f32 {
        self.0.iter().flatten().flatten().copied().fold(f32::MIN, f32::max)
    }

    /// One PNG file a channel.
    ///
    /// # Errors
    /// When there is nothing to show.
    pub(super) fn pngs(&self, loudest_db: f32) -> Result<Vec<Vec<u8>>, Error> {
        self.0.iter().map(|levels_db| Ok(spectrogram_png(levels_db, loudest_db)?)).collect()
    }
}

/// One PNG file a channel: a row a codebook, the first at the top, a column a frame, a colour a code.
///
/// # Errors
/// When there are no codes.
pub(super) fn token_pngs(codes: &Codes) -> Result<Vec<Vec<u8>>, Error> {
    let frames = codes.frames();
    let of_channel = codes.codebooks() * frames;
    let pixels: Vec<[u8; 3]> = codes.as_slice().iter().map(|&code| colour(code)).collect();
    pixels.chunks(of_channel.max(1)).map(|pixels| Ok(rgb_png(frames, pixels)?)).collect()
}

/// A colour for each code: neighbours in number are far apart in hue, and in lightness too.
fn colour(code: u16) -> [u8; 3] {
    let [hue, lightness] = STEPS.map(|step| (f32::from(code) * step).fract());
    let (hue, lightness) = (hue * 6.0, 0.35 + 0.4 * lightness);
    let chroma = 0.7 * (1.0 - (2.0 * lightness - 1.0).abs());
    // From hue, chroma and lightness to red, green and blue, as CSS does it for hsl().
    [0.0, 4.0, 2.0].map(|shift| {
        let at = (hue + shift) % 6.0;
        let part = (at.min(4.0 - at)).clamp(0.0, 1.0);
        (255.0 * (lightness + chroma * (part - 0.5))).round() as u8
    })
}

/// How high a frequency is heard, in mel.
pub(super) fn mel(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

fn hz(mel: f64) -> f64 {
    700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::f32::consts::TAU;

    use super::*;

    #[test]
    fn codes_are_told_apart_by_colour() {
        let colours: HashSet<_> = (0..1024).map(colour).collect();
        assert!(colours.len() > 1000, "{}", colours.len());
        let codes = Codes::new((0..24).collect(), [2, 3, 4]).unwrap();
        let pictures = token_pngs(&codes).unwrap();
        assert_eq!(pictures.len(), 2);
        assert_eq!(pictures[0], rgb_png(4, &(0..12).map(colour).collect::<Vec<_>>()).unwrap());
        assert!(token_pngs(&Codes::new(vec![], [1, 3, 0]).unwrap()).unwrap().is_empty());
    }

    #[test]
    fn a_tone_stands_at_its_height_from_start_to_end() {
        let rate_hz = 16000;
        for samples in [1, 700, 40_000, 1_000_000] {
            let tone = |n: usize| (TAU * 1000.0 / rate_hz as f32 * (n % rate_hz) as f32).sin();
            let audio =
                Audio { channels: vec![(0..samples).map(tone).collect(); 2], rate_hz: rate_hz as u32 };
            let levels = Levels::of(&audio);
            let columns = &levels.0[1];
            assert!(columns.len() <= COLUMNS && !columns.is_empty());
            assert_eq!(levels.pngs(levels.loudest_db()).unwrap().len(), 2);
            if samples > 700 {
                assert!(columns.len() > COLUMNS / 2, "{samples} samples: {}", columns.len());
                let expected = (mel(1000.0) / mel(8000.0) * ROWS as f64) as usize;
                for column in &columns[columns.len() / 9..columns.len() * 8 / 9] {
                    let loudest = (0..ROWS).max_by(|&a, &b| column[a].total_cmp(&column[b])).unwrap();
                    assert!(loudest.abs_diff(expected) <= 2, "{loudest}, not {expected}");
                }
            }
        }
    }
}
