//! The `.dacp` stream: packed codes in checked blocks of equal length. `docs/dacp.md` specifies every byte.

mod bits;
mod header;
mod reader;
mod seek;
mod writer;

use std::io::Write;

use dac_rvq::Codes;

use crate::error::TokenError;
use crate::meta::TokenMeta;

pub use header::DacpHeader;
pub use reader::DacpReader;
pub use seek::DacpSeekReader;
pub use writer::DacpWriter;

/// First bytes of a stream. The line ends and the high bit show what a text-mode transfer has done to a file.
pub(crate) const MAGIC: [u8; 8] = [0x89, b'D', b'A', b'C', b'P', 0x0d, 0x0a, 0x1a];

/// Frames a block unless told otherwise: three quarters of a second at 44.1 kHz, about 1 % on top of the codes.
pub(crate) const DEFAULT_BLOCK_FRAMES: u32 = 64;

/// Most bytes of packed codes in a block.
const MAX_PAYLOAD_BYTES: u64 = 1 << 24;

/// Bytes of a block besides its packed codes: the frame count and the checksum.
const BLOCK_OVERHEAD_BYTES: u64 = 8;

/// Bytes of the end block: a frame count of 0, all frames, the input's length, the checksum.
const END_BYTES: u64 = 24;

/// Stands for an unknown length in the end block.
const UNKNOWN_SAMPLES: u64 = u64::MAX;

/// Checksum of block number `index`: CRC-32 over the number, then the block's bytes up to the checksum.
fn checksum(index: u64, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&index.to_le_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Writes all codes as one stream.
pub(crate) fn write<W: Write>(
    writer: &mut W,
    codes: &Codes,
    meta: &TokenMeta,
    block_frames: u32,
) -> Result<(), TokenError> {
    let header = DacpHeader::new(codes.channels(), codes.codebooks(), meta.clone())?
        .with_block_frames(block_frames)?;
    let mut stream = DacpWriter::new(writer, header)?;
    stream.push(codes)?;
    stream.finish(meta.input_samples)?;
    Ok(())
}
