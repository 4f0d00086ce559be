//! Reading a `.dacp` stream as it comes.

use std::io::Read;

use dac_rvq::Codes;

use super::bits::unpack;
use super::checksum;
use super::header::{DacpHeader, array};
use super::{END_BYTES, UNKNOWN_SAMPLES};
use crate::error::TokenError;
use crate::format::Format;

/// Reads block after block, holding one. A stream that ends before its end block gives its whole blocks, and
/// [`DacpReader::truncated`] then says so.
#[derive(Debug)]
pub struct DacpReader<R> {
    reader: R,
    header: DacpHeader,
    blocks: u64,
    frames: u64,
    short_seen: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended { input_samples: Option<u64> },
    Cut,
    Failed,
}

/// A block's packed codes, or how the stream ends.
pub(super) enum Block {
    Codes { frames: u32, payload: Vec<u8> },
    End { frames: u64, input_samples: Option<u64> },
    Cut,
}

impl<R: Read> DacpReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is cut, damaged, of another version, or declares what cannot be.
    pub fn new(mut reader: R) -> Result<Self, TokenError> {
        let (header, _) = DacpHeader::read(&mut reader)?;
        Ok(Self { reader, header, blocks: 0, frames: 0, short_seen: false, state: State::Open })
    }

    /// The header.
    pub fn header(&self) -> &DacpHeader {
        &self.header
    }

    /// Frames given so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether the stream was found to end before its end block.
    pub fn truncated(&self) -> bool {
        self.state == State::Cut
    }

    /// The input's length, in samples at its own rate: known at the end, if the writer knew it.
    pub fn input_samples(&self) -> Option<u64> {
        if let State::Ended { input_samples } = self.state { input_samples } else { None }
    }

    /// The next frames, `[channels, codebooks, frames]`; `None` at the end, and where the stream is cut.
    ///
    /// # Errors
    /// When a block is damaged or reading fails; the stream gives nothing after that.
    pub fn next_codes(&mut self) -> Result<Option<Codes>, TokenError> {
        if self.state != State::Open {
            return Ok(None);
        }
        let next = self.advance();
        if next.is_err() {
            self.state = State::Failed;
        }
        next
    }

    fn advance(&mut self) -> Result<Option<Codes>, TokenError> {
        match read_block(&mut self.reader, &self.header, self.blocks, self.frames)? {
            Block::Codes { frames, payload } => {
                if self.short_seen {
                    let reason = format!("a block after a short one, at frame {}", self.frames);
                    return Err(TokenError::malformed(Format::Dacp, reason));
                }
                self.short_seen = frames < self.header.block_frames;
                let codes = unpack_codes(&self.header, &payload, 0, frames as usize)?;
                self.blocks += 1;
                self.frames += u64::from(frames);
                Ok(Some(codes))
            }
            Block::End { frames, input_samples } => {
                if frames != self.frames {
                    let reason = format!("its end block counts {frames} frames, there are {}", self.frames);
                    return Err(TokenError::malformed(Format::Dacp, reason));
                }
                self.state = State::Ended { input_samples };
                Ok(None)
            }
            Block::Cut => {
                self.state = State::Cut;
                Ok(None)
            }
        }
    }
}

/// Reads the block at the reader's place, number `index`, whose first frame is `frame`, and checks its sum.
pub(super) fn read_block<R: Read>(
    reader: &mut R,
    header: &DacpHeader,
    index: u64,
    frame: u64,
) -> Result<Block, TokenError> {
    let Some(count) = read_up_to(reader, 4)? else { return Ok(Block::Cut) };
    let frames = u32::from_le_bytes(array(&count, 0));
    if frames > header.block_frames {
        let reason = format!("block {index} declares {frames} frames, {} are the most", header.block_frames);
        return Err(TokenError::malformed(Format::Dacp, reason));
    }
    let length = if frames == 0 { END_BYTES - 8 } else { header.payload_bytes(frames) };
    let Some(mut payload) = read_up_to(reader, length + 4)? else { return Ok(Block::Cut) };
    let sum = payload.split_off(payload.len().saturating_sub(4));
    let (found, expected) = (checksum(index, &[&count, &payload]), u32::from_le_bytes(array(&sum, 0)));
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

/// Frames `first..first + count` of a block as `[channels, codebooks, count]`.
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

/// Exactly `length` bytes, or `None` where the stream ends before.
fn read_up_to<R: Read>(reader: &mut R, length: u64) -> Result<Option<Vec<u8>>, TokenError> {
    let mut bytes = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == length))
}
