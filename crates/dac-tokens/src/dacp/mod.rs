//! The `.dacp` format: a stream of packed codes in blocks of equal length with checksums.
//!
//! `docs/spec/dacp.md` specifies every byte.

mod block;
mod header;
mod reader;
mod seek;
mod writer;

use std::io::Write;

use crate::error::TokenError;
use crate::options::WriteOptions;
use crate::token_file::TokenFile;
use crate::token_format::{Arrays, Capacity, Input, Opened, TokenFormat};
use header::{MAGIC, NAME};
use seek::SeekReader;

pub use header::DacpHeader;
pub use reader::DacpReader;
pub use writer::DacpWriter;

pub(crate) const DACP: TokenFormat = TokenFormat {
    name: NAME,
    matches: |start| start.starts_with(&MAGIC),
    capacity: Capacity::OnlyCodes,
    integers: &[],
    stores_windows: false,
    open,
    write,
};

fn open(reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let mut file = SeekReader::open(reader)?;
    let frames = usize::try_from(file.frames).unwrap_or(usize::MAX);
    let codes = [file.header.channels.into(), file.header.codebooks.into(), frames];
    let mut meta = file.header.meta.clone();
    meta.input_samples = file.input_samples;
    Ok(Opened {
        shapes: Arrays { codes: Some(codes), ..Arrays::default() },
        integer: None,
        meta,
        truncated: file.truncated,
        ignored_bytes: file.ignored_bytes,
        read_frames: Box::new(move |frames| {
            Ok(TokenFile { codes: Some(file.read_frames(frames)?), ..TokenFile::default() })
        }),
    })
}

fn write(writer: &mut dyn Write, file: &TokenFile, options: &WriteOptions) -> Result<(), TokenError> {
    let Some(codes) = &file.codes else { return Ok(()) };
    let header = DacpHeader::new(codes.channels(), codes.codebooks(), file.meta.clone())?
        .with_block_frames(options.dacp_block_frames)?;
    let mut stream = DacpWriter::new(writer, header)?;
    stream.push(codes)?;
    stream.finish(file.meta.input_samples)?;
    Ok(())
}
