//! The `.dacp` format: a stream of packed codes in blocks of equal length with checksums.
//!
//! `docs/spec/dacp.md` specifies every byte.

mod bits;
mod header;
mod layout;
mod reader;
mod seek;
mod writer;

use std::io::{Read, Seek, Write};
use std::ops::Range;

use crate::error::TokenError;
use crate::options::WriteOptions;
use crate::token_file::TokenFile;
use crate::token_format::{Capacity, Input, Opened, ReadFrames, Shapes, TokenFormat};
use layout::{MAGIC, NAME};

pub use header::DacpHeader;
pub use reader::DacpReader;
pub use seek::DacpSeekReader;
pub use writer::DacpWriter;

pub(crate) const DACP: TokenFormat =
    TokenFormat { name: NAME, matches, capacity: Capacity::OnlyCodes, stores_windows: false, open, write };

fn matches(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

fn open(reader: Input<'_>) -> Result<Opened<'_>, TokenError> {
    let stream = DacpSeekReader::open(reader)?;
    let header = stream.header();
    let frames = usize::try_from(stream.frames()).unwrap_or(usize::MAX);
    let codes = Some([header.channels.into(), header.codebooks.into(), frames]);
    let mut meta = header.meta.clone();
    meta.input_samples = stream.input_samples();
    let shapes = Shapes { codes, ..Shapes::default() };
    Ok(Opened { shapes, meta, truncated: stream.truncated(), frames: Box::new(stream) })
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

impl<R: Read + Seek + Send> ReadFrames for DacpSeekReader<R> {
    fn read_frames(&mut self, range: Range<usize>) -> Result<TokenFile, TokenError> {
        let codes = DacpSeekReader::read_frames(self, range.start as u64..range.end as u64)?;
        Ok(TokenFile { codes: Some(codes), ..TokenFile::default() })
    }
}
