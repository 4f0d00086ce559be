//! Blocks of a `.dacp` stream: a frame count, packed codes or the totals of the stream, and a checksum.

use std::io::{self, Read, Write};

use dac_rvq::Codes;

use super::header::{DacpHeader, NAME, array};
use crate::error::TokenError;

/// Bytes of the end block: a frame count of 0, the total of frames, the length of the input, the checksum.
pub(super) const END_BYTES: u64 = 24;

/// Value of an unknown length in the end block.
const UNKNOWN_SAMPLES: u64 = u64::MAX;

/// A block of codes, or the end of the stream.
pub(super) enum Block {
    Codes { frames: u32, payload: Vec<u8> },
    End { frames: u64, input_samples: Option<u64> },
    Truncated,
}

/// Reads block number `index`, which starts at `frame`, and verifies its checksum.
pub(super) fn read_block<R: Read>(
    reader: &mut R,
    header: &DacpHeader,
    index: u64,
    frame: u64,
) -> Result<Block, TokenError> {
    let Some(count) = read_bytes(reader, 4)? else { return Ok(Block::Truncated) };
    let frames = u32::from_le_bytes(array(&count, 0));
    if frames > header.block_frames {
        let reason =
            format!("block {index} declares {frames} frames, expected at most {}", header.block_frames);
        return Err(TokenError::malformed(NAME, reason));
    }
    let length = if frames == 0 { END_BYTES - 8 } else { header.payload_bytes(frames) };
    let Some(mut payload) = read_bytes(reader, length + 4)? else { return Ok(Block::Truncated) };
    let stored = payload.split_off(payload.len().saturating_sub(4));
    let (found, expected) = (checksum(index, &[&count, &payload]), u32::from_le_bytes(array(&stored, 0)));
    if found != expected {
        return Err(TokenError::Checksum { block: index, frame, found, expected });
    }
    if frames > 0 {
        return Ok(Block::Codes { frames, payload });
    }
    let samples = u64::from_le_bytes(array(&payload, 8));
    let input_samples = Some(samples).filter(|&s| s != UNKNOWN_SAMPLES);
    Ok(Block::End { frames: u64::from_le_bytes(array(&payload, 0)), input_samples })
}

/// Writes block number `index` with `codes`, which are ordered by frame, channel and codebook.
pub(super) fn write_block<W: Write>(
    writer: &mut W,
    header: &DacpHeader,
    index: u64,
    codes: &[u16],
) -> io::Result<()> {
    let frames = (codes.len() / header.frame_codes()) as u32;
    let mut block = frames.to_le_bytes().to_vec();
    pack(codes, header.bits(), &mut block);
    write_with_checksum(writer, index, block)
}

/// Writes the end block, which has number `index`.
pub(super) fn write_end<W: Write>(
    writer: &mut W,
    index: u64,
    frames: u64,
    input_samples: Option<u64>,
) -> io::Result<()> {
    let mut end = vec![0; 4];
    end.extend(frames.to_le_bytes());
    end.extend(input_samples.unwrap_or(UNKNOWN_SAMPLES).to_le_bytes());
    write_with_checksum(writer, index, end)
}

fn write_with_checksum<W: Write>(writer: &mut W, index: u64, mut block: Vec<u8>) -> io::Result<()> {
    block.extend(checksum(index, &[&block]).to_le_bytes());
    writer.write_all(&block)?;
    writer.flush()
}

/// Computes the checksum of block number `index`: CRC-32 of the number and of the bytes before the checksum.
fn checksum(index: u64, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&index.to_le_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Reads exactly `length` bytes. Returns `None` if the stream ends earlier.
fn read_bytes<R: Read>(reader: &mut R, length: u64) -> Result<Option<Vec<u8>>, TokenError> {
    let mut bytes = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == length))
}

/// Unpacks frames `first..first + count` of a block to `[channels, codebooks, count]`.
pub(super) fn unpack_codes(
    header: &DacpHeader,
    payload: &[u8],
    first: usize,
    count: usize,
) -> Result<Codes, TokenError> {
    let width = header.frame_codes();
    let rows: Vec<u16> = unpack(payload, header.bits(), first * width, count * width).collect();
    let mut data = vec![0; rows.len()];
    for (t, row) in rows.chunks_exact(width).enumerate() {
        for (place, &code) in data.iter_mut().skip(t).step_by(count).zip(row) {
            *place = code;
        }
    }
    let codes = Codes::new(data, [header.channels.into(), header.codebooks.into(), count])?;
    codes.check_range(header.codebook_size as usize)?;
    Ok(codes)
}

/// Appends codes of `bits` (1 to 16) bits each, and zeros to the end of the last byte. The first code takes
/// the lowest bits of the first byte.
fn pack(codes: &[u16], bits: u32, out: &mut Vec<u8>) {
    let (mut pending, mut count) = (0u32, 0);
    for &code in codes {
        pending |= u32::from(code) << count;
        count += bits;
        while count >= 8 {
            out.push(pending as u8);
            pending >>= 8;
            count -= 8;
        }
    }
    if count > 0 {
        out.push(pending as u8);
    }
}

/// Unpacks the codes `first..first + count` of `bits` bits, or fewer if the bytes end earlier.
fn unpack(bytes: &[u8], bits: u32, first: usize, count: usize) -> impl Iterator<Item = u16> {
    let mask = (1u64 << bits) - 1;
    let available = (bytes.len() * 8 / bits as usize).saturating_sub(first);
    (first..first + count.min(available)).map(move |i| {
        let at = i * bits as usize;
        let mut word = [0; 8];
        let window = bytes.get(at / 8..bytes.len().min(at / 8 + 4)).unwrap_or_default();
        word.iter_mut().zip(window).for_each(|(target, source)| *target = *source);
        ((u64::from_le_bytes(word) >> (at % 8)) & mask) as u16
    })
}
