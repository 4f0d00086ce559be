//! The .dac format of the reference codec: a numpy object array that contains one pickled dict.

mod reader;
mod writer;

use crate::error::TokenError;
use crate::npy::is_object_array;
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Capacity, Input, Opened, TokenFormat};

const NAME: &str = "dac";

/// Version of the layout that is read and written.
const VERSION: &str = "1.0.0";

pub(crate) const DAC: TokenFormat = TokenFormat {
    name: NAME,
    matches: is_object_array,
    capacity: Capacity::OnlyCodes,
    stores_windows: true,
    open,
    write: |writer, file, _| file.codes.iter().try_for_each(|codes| writer::write(writer, codes, &file.meta)),
};

/// Reads the whole file: a pickle cannot be read in parts.
fn open(mut reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let (codes, meta) = reader::read(&mut reader)?;
    Ok(Opened {
        shapes: Arrays { codes: Some(codes.shape()), ..Arrays::default() },
        meta,
        truncated: false,
        read_frames: Box::new(move |frames| {
            Ok(TokenFile { codes: Some(codes.slice_frames(frames)), ..TokenFile::default() })
        }),
    })
}
