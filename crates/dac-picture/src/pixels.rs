//! PNG encoding of pixels.

use png::{ColorType, Compression, Encoder};

use crate::PictureError;

/// Encodes RGB pixels as a PNG file, row by row from the top, `columns` pixels per row.
///
/// # Errors
/// [`PictureError::Size`] if there are no pixels or they do not fill a rectangle.
pub fn rgb_png(columns: usize, pixels: &[[u8; 3]]) -> Result<Vec<u8>, PictureError> {
    encode(columns, pixels.len(), pixels.as_flattened(), None)
}

/// Encodes indices into a palette as a PNG file.
pub(crate) fn indexed_png(
    columns: usize,
    indices: &[u8],
    palette: &[[u8; 3]],
) -> Result<Vec<u8>, PictureError> {
    encode(columns, indices.len(), indices, Some(palette))
}

fn encode(
    columns: usize,
    pixels: usize,
    bytes: &[u8],
    palette: Option<&[[u8; 3]]>,
) -> Result<Vec<u8>, PictureError> {
    let rows = pixels.checked_div(columns).unwrap_or(0);
    let size = || PictureError::Size { columns, rows, found: pixels };
    let pixels_per_side = |side: usize| i32::try_from(side).ok().filter(|&side| side > 0).ok_or_else(size);
    let (width, height) = (pixels_per_side(columns)?, pixels_per_side(rows)?);
    if rows * columns != pixels {
        return Err(size());
    }
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width.unsigned_abs(), height.unsigned_abs());
    encoder.set_compression(Compression::High);
    match palette {
        Some(palette) => {
            encoder.set_color(ColorType::Indexed);
            encoder.set_palette(palette.as_flattened().to_vec());
        }
        None => encoder.set_color(ColorType::Rgb),
    }
    encoder.write_header()?.write_image_data(bytes)?;
    Ok(file)
}
