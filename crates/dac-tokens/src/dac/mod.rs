//! The .dac format of the reference codec: a numpy object array that contains one pickled dict.

mod layout;
mod reader;
mod writer;

use std::io::Write;
use std::ops::Range;

use dac_rvq::Codes;

use crate::error::TokenError;
use crate::npy::is_object_array;
use crate::options::WriteOptions;
use crate::token_file::TokenFile;
use crate::token_format::{Capacity, Input, Opened, ReadFrames, Shapes, TokenFormat};
use layout::NAME;

pub(crate) const DAC: TokenFormat = TokenFormat {
    name: NAME,
    matches: is_object_array,
    capacity: Capacity::OnlyCodes,
    stores_windows: true,
    open,
    write,
};

/// Reads the whole file: a pickle cannot be read in parts.
fn open(mut reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let (codes, meta) = reader::read(&mut reader)?;
    let shapes = Shapes { codes: Some(codes.shape()), ..Shapes::default() };
    Ok(Opened { shapes, meta, truncated: false, frames: Box::new(codes) })
}

fn write(writer: &mut dyn Write, file: &TokenFile, _: &WriteOptions) -> Result<(), TokenError> {
    file.codes.as_ref().map_or(Ok(()), |codes| writer::write(writer, codes, &file.meta))
}

impl ReadFrames for Codes {
    fn read_frames(&mut self, range: Range<usize>) -> Result<TokenFile, TokenError> {
        Ok(TokenFile { codes: Some(self.slice_frames(range)), ..TokenFile::default() })
    }
}
