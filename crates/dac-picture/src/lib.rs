//! Draws spectrograms and pixel arrays as PNG. Independent of audio files and the codec.

#![forbid(unsafe_code)]

mod pixels;
mod spectrogram;

pub use pixels::rgb_png;
pub use spectrogram::{SPECTROGRAM_WINDOW_SAMPLES, pooled_db, spectrogram_db, spectrogram_png};

/// Error of drawing a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The values do not fill a rectangle of at least one pixel and less than 2^31 pixels per side.
    #[error("expected {columns} columns of {rows} values each, found {found} values")]
    Size {
        /// Width in pixels.
        columns: usize,
        /// Height in pixels.
        rows: usize,
        /// Number of values.
        found: usize,
    },
    /// The picture could not be encoded as PNG.
    #[error("cannot encode the picture as PNG: {0}")]
    Png(#[from] png::EncodingError),
}
