//! Random-access reader of a `.dacp` file, which computes the positions of blocks.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use dac_rvq::Codes;

use super::header::{DacpHeader, array};
use super::layout::{END_BYTES, NAME};
use super::reader::{Block, read_block, unpack_codes};
use crate::error::TokenError;

/// Reads any frames of a `.dacp` file.
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
    /// Reads the header and the end block. A truncated file consists of its complete blocks.
    ///
    /// # Errors
    /// Fails if the header is damaged or reading fails.
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

    /// Header of the file.
    pub fn header(&self) -> &DacpHeader {
        &self.header
    }

    /// Number of frames.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Length of the input, in samples at its own rate, if the writer knew it and the file is not truncated.
    pub fn input_samples(&self) -> Option<u64> {
        self.input_samples
    }

    /// Returns whether the file ends before its end block.
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Reads the frames of `range`, clamped to the available ones. Only their blocks are read and verified.
    ///
    /// # Errors
    /// Fails if one of the blocks is damaged or reading fails.
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
            // The length of the file determines the frames of each block; another count is damage.
            let expected = block_frames.min(self.frames - first);
            match read_block(&mut self.reader, &self.header, index, first)? {
                Block::Codes { frames, payload } if u64::from(frames) == expected => {
                    let last = (first + expected).min(end);
                    let (skip, count) = ((frame - first) as usize, (last - frame) as usize);
                    parts.push(unpack_codes(&self.header, &payload, skip, count)?);
                    frame = last;
                }
                _ => {
                    let reason = format!("block {index} does not contain the expected {expected} frames");
                    return Err(TokenError::malformed(NAME, reason));
                }
            }
        }
        if parts.is_empty() {
            let shape = [self.header.channels.into(), self.header.codebooks.into(), 0];
            return Ok(Codes::new(Vec::new(), shape)?);
        }
        Ok(Codes::concat_frames(&parts)?)
    }

    /// Position of block number `index`, in bytes.
    fn block_start(&self, index: u64) -> u64 {
        let preceding = index.saturating_mul(self.header.block_bytes(self.header.block_frames));
        self.header_bytes.saturating_add(preceding)
    }

    /// Bytes of the blocks of `frames` frames.
    fn blocks_bytes(&self, frames: u64) -> u64 {
        let block_frames = u64::from(self.header.block_frames);
        let full = (frames / block_frames).saturating_mul(self.header.block_bytes(self.header.block_frames));
        match (frames % block_frames) as u32 {
            0 => full,
            rest => full.saturating_add(self.header.block_bytes(rest)),
        }
    }

    /// Reads the end block from the last bytes. Returns false if they are not one, or contradict the length
    /// of the file.
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

    /// Counts the complete blocks of a file without a valid end by their frame counts. Reading verifies their
    /// checksums.
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
            // The full blocks may be followed by a shorter block, by the end block and other bytes, or by
            // nothing.
            self.reader.seek(SeekFrom::Start(self.block_start(index)))?;
            let mut next = read_block(&mut self.reader, &self.header, index, self.frames);
            if let Ok(Block::Codes { frames, .. }) = next {
                self.frames += u64::from(frames);
                next = read_block(&mut self.reader, &self.header, index + 1, self.frames);
            }
            if let Ok(end) = next {
                self.apply_end(&end);
            }
            break;
        }
        Ok(())
    }

    /// Uses the end block if its frame count is correct.
    fn apply_end(&mut self, end: &Block) {
        if let Block::End { frames, input_samples } = end
            && *frames == self.frames
        {
            (self.input_samples, self.truncated) = (*input_samples, false);
        }
    }
}
