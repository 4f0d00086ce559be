//! The .npy format of numpy: a header, then one array.

mod header;

use std::io::{Seek, SeekFrom, Write};

use dac_pickle::numpy::parse_descr;

use crate::arrays::{ArrayLocation, ArrayLocations, three_axes, write_elements};
use crate::error::TokenError;
use crate::meta::TokenMeta;
use crate::options::{NpyInteger, WriteOptions};
use crate::token_file::TokenFile;
use crate::token_format::{Capacity, Input, Opened, TokenFormat};
use header::header_bytes;

pub(crate) use header::read_header;

const NAME: &str = "npy";

/// First bytes of a file.
const SIGNATURE: &[u8] = b"\x93NUMPY";

pub(crate) const NPY: TokenFormat =
    TokenFormat { name: NAME, matches, capacity: Capacity::CodesOrZ, stores_windows: false, open, write };

fn matches(start: &[u8]) -> bool {
    start.starts_with(SIGNATURE) && !is_object_array(start)
}

/// Reads an array of integers as codes and an array of floats as z.
fn open(mut reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let length_bytes = reader.seek(SeekFrom::End(0))?;
    reader.rewind()?;
    let (header, start) = read_header(&mut reader, NAME)?;
    let (dtype, big_endian) = parse_descr(&header.descr)?;
    let size = header.shape.iter().try_fold(dtype.size() as u64, |n, &d| n.checked_mul(d as u64));
    let needed = size.and_then(|size| size.checked_add(start)).unwrap_or(u64::MAX);
    if needed > length_bytes {
        return Err(TokenError::Truncated { format: NAME, needed, available: length_bytes });
    }
    let shape = three_axes(&header.shape, if dtype.is_float() { "z" } else { "codes" })?;
    let mut array = ArrayLocation { big_endian, ..ArrayLocation::row_major(dtype, shape, start) };
    if header.fortran {
        array = array.into_column_major();
    }
    let (codes, z) = if dtype.is_float() { (None, Some(array)) } else { (Some(array), None) };
    Ok(ArrayLocations { codes, z, latents: None }.open(reader, TokenMeta::default()))
}

/// Writes the same bytes as `numpy.save`.
fn write(writer: &mut dyn Write, file: &TokenFile, options: &WriteOptions) -> Result<(), TokenError> {
    if let Some(codes) = &file.codes {
        let values = codes.as_slice().iter();
        match options.npy_integer {
            NpyInteger::U16 => {
                writer.write_all(&header_bytes("<u2", codes.shape()))?;
                write_elements(writer, values.map(|v| v.to_le_bytes()))?;
            }
            NpyInteger::I64 => {
                writer.write_all(&header_bytes("<i8", codes.shape()))?;
                write_elements(writer, values.map(|&v| i64::from(v).to_le_bytes()))?;
            }
        }
    }
    if let Some(z) = &file.z {
        writer.write_all(&header_bytes("<f4", z.shape()))?;
        write_elements(writer, z.as_slice().iter().map(|v| v.to_le_bytes()))?;
    }
    Ok(())
}

/// Returns whether a numpy file that begins with `start` contains Python objects, that is, a pickle.
pub(crate) fn is_object_array(start: &[u8]) -> bool {
    // numpy writes the element type at the start of the header.
    start.starts_with(SIGNATURE) && start.windows(4).any(|w| matches!(w, b"'|O'" | b"\"|O\""))
}
