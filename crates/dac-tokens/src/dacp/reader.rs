//! Sequential reader of a `.dacp` stream.

use std::io::Read;

use dac_rvq::Codes;

use super::bits::unpack;
use super::header::{DacpHeader, array};
use super::layout::{END_BYTES, NAME, UNKNOWN_SAMPLES, checksum};
use crate::error::TokenError;

/// Reads one block at a time. A truncated stream yields its complete blocks, and [`DacpReader::truncated`]
/// then returns true.
#[derive(Debug)]
pub struct DacpReader<R> {
    reader: R,
    header: DacpHeader,
    blocks: u64,
    frames: u64,
    /// Whether a block with fewer frames was read, after which only the end block may follow.
    short_block_seen: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended { input_samples: Option<u64> },
    Truncated,
    Failed,
}

/// A block of codes, or the end of the stream.
pub(super) enum Block {
    Codes { frames: u32, payload: Vec<u8> },
    End { frames: u64, input_samples: Option<u64> },
    Truncated,
}

impl<R: Read> DacpReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// Fails if the header is truncated, damaged, of another version or has impossible values.
    pub fn new(mut reader: R) -> Result<Self, TokenError> {
        let (header, _) = DacpHeader::read(&mut reader)?;
        Ok(Self { reader, header, blocks: 0, frames: 0, short_block_seen: false, state: State::Open })
    }

    /// Header of the stream.
    pub fn header(&self) -> &DacpHeader {
        &self.header
    }

    /// Number of frames returned so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Returns whether the stream ended before its end block.
    pub fn truncated(&self) -> bool {
        self.state == State::Truncated
    }

    /// Length of the input, in samples at its own rate. The end block stores it, if the writer knew it.
    pub fn input_samples(&self) -> Option<u64> {
        if let State::Ended { input_samples } = self.state { input_samples } else { None }
    }

    /// Reads the next frames, `[channels, codebooks, frames]`. Returns `None` at the end, also of a truncated
    /// stream.
    ///
    /// # Errors
    /// Fails if a block is damaged or reading fails. Later calls return `None`.
    pub fn next_codes(&mut self) -> Result<Option<Codes>, TokenError> {
        if self.state != State::Open {
            return Ok(None);
        }
        let codes = self.read_next();
        if codes.is_err() {
            self.state = State::Failed;
        }
        codes
    }

    fn read_next(&mut self) -> Result<Option<Codes>, TokenError> {
        match read_block(&mut self.reader, &self.header, self.blocks, self.frames)? {
            Block::Codes { frames, payload } => {
                if self.short_block_seen {
                    let reason = format!("a block follows a shorter one at frame {}", self.frames);
                    return Err(TokenError::malformed(NAME, reason));
                }
                self.short_block_seen = frames < self.header.block_frames;
                let codes = unpack_codes(&self.header, &payload, 0, frames as usize)?;
                self.blocks += 1;
                self.frames += u64::from(frames);
                Ok(Some(codes))
            }
            Block::End { frames, input_samples } => {
                if frames != self.frames {
                    let reason = format!("the end block counts {frames} frames, found {}", self.frames);
                    return Err(TokenError::malformed(NAME, reason));
                }
                self.state = State::Ended { input_samples };
                Ok(None)
            }
            Block::Truncated => {
                self.state = State::Truncated;
                Ok(None)
            }
        }
    }
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

/// Reads exactly `length` bytes. Returns `None` if the stream ends earlier.
fn read_bytes<R: Read>(reader: &mut R, length: u64) -> Result<Option<Vec<u8>>, TokenError> {
    let mut bytes = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == length))
}
