//! Draws spectrograms and pixel arrays as PNG. Independent of audio files and the codec.

#![forbid(unsafe_code)]

mod error;
mod pixels;
mod spectrogram;

pub use error::PictureError;
pub use pixels::rgb_png;
pub use spectrogram::{SPECTROGRAM_WINDOW_SAMPLES, pooled_db, spectrogram_db, spectrogram_png};
