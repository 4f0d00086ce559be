//! Reading any frames of a `.dacp` file: their blocks are found by arithmetic.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use dac_rvq::Codes;

use super::END_BYTES;
use super::header::{DacpHeader, array};
use super::reader::{Block, read_block, unpack_codes};
use crate::error::TokenError;

/// An open `.dacp` file.
#[derive(Debug)]
pub struct DacpSeekReader<R> {
    reader: R,
    header: DacpHeader,
    header_bytes: u64,
    frames: u64,
    input_samples: Option<u64>,
    truncated: bool,
}

impl<R: Read + Seek> DacpSeekReader<R> {
    /// Reads the header and the end block. Where the file is cut, its whole blocks are what it has.
    ///
    /// # Errors
    /// When the header is damaged or reading fails.
    pub fn open(mut reader: R) -> Result<Self, TokenError> {
        let length_bytes = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(0))?;
        let (header, header_bytes) = DacpHeader::read(&mut reader)?;
        let mut file = Self { reader, header, header_bytes, frames: 0, input_samples: None, truncated: true };
        let body_bytes = length_bytes.saturating_sub(header_bytes);
        if !file.read_end(body_bytes)? {
            file.recover(body_bytes)?;
        }
        Ok(file)
    }

    /// The header.
    pub fn header(&self) -> &DacpHeader {
        &self.header
    }

    /// How many frames there are.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The input's length, in samples at its own rate, if the writer knew it and the file is not cut.
    pub fn input_samples(&self) -> Option<u64> {
        self.input_samples
    }

    /// Whether the file ends before its end block.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// The frames of `range`, clamped to what there is; only their own blocks are read and checked.
    ///
    /// # Errors
    /// When one of the blocks is damaged or reading fails.
    pub fn read_frames(&mut self, range: Range<u64>) -> Result<Codes, TokenError> {
        let end = range.end.min(self.frames);
        let mut frame = range.start.min(end);
        let block_frames = u64::from(self.header.block_frames);
        let mut parts = Vec::new();
        if frame < end {
            self.reader.seek(SeekFrom::Start(self.block_start(frame / block_frames)))?;
        }
        while frame < end {
            let index = frame / block_frames;
            let first = index * block_frames;
            // A count that is not what the file's length says is a damaged block, whatever it is.
            let expected = block_frames.min(self.frames - first);
            match read_block(&mut self.reader, &self.header, index, first)? {
                Block::Codes { frames, payload } if u64::from(frames) == expected => {
                    let last = (first + expected).min(end);
                    let (skip, count) = ((frame - first) as usize, (last - frame) as usize);
                    parts.push(unpack_codes(&self.header, &payload, skip, count)?);
                    frame = last;
                }
                _ => {
                    let reason =
                        format!("block {index} is not the one of {expected} frames that belongs there");
                    return Err(TokenError::malformed(crate::format::Format::Dacp, reason));
                }
            }
        }
        if parts.is_empty() {
            let shape = [self.header.channels.into(), self.header.codebooks.into(), 0];
            return Ok(Codes::new(Vec::new(), shape)?);
        }
        Ok(Codes::concat_frames(&parts)?)
    }

    fn block_start(&self, index: u64) -> u64 {
        let before = index.saturating_mul(self.header.block_bytes(self.header.block_frames));
        self.header_bytes.saturating_add(before)
    }

    /// Bytes that the blocks of `frames` frames take.
    fn blocks_bytes(&self, frames: u64) -> u64 {
        let block_frames = u64::from(self.header.block_frames);
        let full = (frames / block_frames).saturating_mul(self.header.block_bytes(self.header.block_frames));
        match (frames % block_frames) as u32 {
            0 => full,
            rest => full.saturating_add(self.header.block_bytes(rest)),
        }
    }

    /// Takes the end block from the last bytes; false when there is none that fits the file's length.
    fn read_end(&mut self, body_bytes: u64) -> Result<bool, TokenError> {
        let Some(blocks_bytes) = body_bytes.checked_sub(END_BYTES) else { return Ok(false) };
        self.reader.seek(SeekFrom::Start(self.header_bytes + blocks_bytes))?;
        let mut end = [0; END_BYTES as usize];
        self.reader.read_exact(&mut end)?;
        let frames = u64::from_le_bytes(array(&end, 4));
        if self.blocks_bytes(frames) != blocks_bytes {
            return Ok(false);
        }
        let blocks = frames.div_ceil(self.header.block_frames.into());
        match read_block(&mut end.as_slice(), &self.header, blocks, frames) {
            Ok(Block::End { frames, input_samples }) => {
                (self.frames, self.input_samples, self.truncated) = (frames, input_samples, false);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Counts the whole blocks of a file without a fitting end, by their frame counts alone; sums are checked when a block
    /// is read. Only damaged files pay for this walk.
    fn recover(&mut self, body_bytes: u64) -> Result<(), TokenError> {
        let block_bytes = self.header.block_bytes(self.header.block_frames);
        let whole_blocks = body_bytes / block_bytes;
        for index in 0.. {
            self.reader.seek(SeekFrom::Start(self.block_start(index)))?;
            let mut count = [0; 4];
            if index < whole_blocks {
                self.reader.read_exact(&mut count)?;
            }
            if u32::from_le_bytes(count) == self.header.block_frames {
                self.frames += u64::from(self.header.block_frames);
                continue;
            }
            // What follows the full blocks: a short one, the end block with other bytes behind it, or a cut.
            self.reader.seek(SeekFrom::Start(self.block_start(index)))?;
            let mut next = read_block(&mut self.reader, &self.header, index, self.frames);
            if let Ok(Block::Codes { frames, .. }) = next {
                self.frames += u64::from(frames);
                next = read_block(&mut self.reader, &self.header, index + 1, self.frames);
            }
            if let Ok(end) = next {
                self.take_end(&end);
            }
            break;
        }
        Ok(())
    }

    fn take_end(&mut self, end: &Block) {
        if let Block::End { frames, input_samples } = end
            && *frames == self.frames
        {
            (self.input_samples, self.truncated) = (*input_samples, false);
        }
    }
}
