//! The one error type of this crate.

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The values do not fill a rectangle of at least one pixel and of less than 2^31 a side.
    #[error("expected the values of {columns} columns of {rows} rows each, found {found}")]
    Size {
        /// Pixels in a row.
        columns: usize,
        /// Pixels in a column.
        rows: usize,
        /// Values that there are.
        found: usize,
    },
    /// The picture could not be written as PNG.
    #[error("the picture cannot be written as PNG: {0}")]
    Png(#[from] png::EncodingError),
}
