//! Random-access reader of a `.dacp` file, which computes the positions of blocks.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use dac_rvq::Codes;

use super::block::{Block, END_BYTES, read_block, unpack_codes};
use super::header::{DacpHeader, NAME, array};
use crate::error::TokenError;

/// Reads any frames of a `.dacp` file.
pub(super) struct SeekReader<R> {
    reader: R,
    pub(super) header: DacpHeader,
    header_bytes: u64,
    /// Number of frames.
    pub(super) frames: u64,
    /// Length of the input, in samples at its own rate, if the end block stores it.
    pub(super) input_samples: Option<u64>,
    /// Whether the file ends before its end block.
    pub(super) truncated: bool,
    /// Number of bytes after the end block.
    pub(super) ignored_bytes: u64,
}

impl<R: Read + Seek> SeekReader<R> {
    /// Reads the header and the end block. A truncated file consists of its complete blocks.
    pub(super) fn open(mut reader: R) -> Result<Self, TokenError> {
        let length_bytes = reader.seek(SeekFrom::End(0))?;
        reader.rewind()?;
        let (header, header_bytes) = DacpHeader::read(&mut reader)?;
        let mut file = Self {
            reader,
            header,
            header_bytes,
            frames: 0,
            input_samples: None,
            truncated: true,
            ignored_bytes: 0,
        };
        if !file.read_end(length_bytes)? {
            file.recover(length_bytes)?;
        }
        Ok(file)
    }

    /// Reads the frames of `range`, clamped to the available ones. Only their blocks are read and verified.
    pub(super) fn read_frames(&mut self, range: Range<usize>) -> Result<Codes, TokenError> {
        let end = (range.end as u64).min(self.frames);
        let mut frame = (range.start as u64).min(end);
        let block_frames = u64::from(self.header.block_frames);
        let no_frames = [self.header.channels.into(), self.header.codebooks.into(), 0];
        let mut parts = vec![Codes::new(Vec::new(), no_frames)?];
        self.reader.seek(SeekFrom::Start(self.position_after(frame - frame % block_frames)))?;
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
        Ok(Codes::concat_frames(&parts)?)
    }

    /// Position in bytes after the blocks of the first `frames` frames.
    fn position_after(&self, frames: u64) -> u64 {
        let block_frames = self.header.block_frames;
        let full_blocks = frames / u64::from(block_frames);
        let full_bytes = full_blocks.saturating_mul(self.header.block_bytes(block_frames));
        let rest_bytes = match (frames % u64::from(block_frames)) as u32 {
            0 => 0,
            rest => self.header.block_bytes(rest),
        };
        self.header_bytes.saturating_add(full_bytes).saturating_add(rest_bytes)
    }

    /// Reads the end block from the last bytes. Returns false if they are not one, or contradict the length
    /// of the file.
    fn read_end(&mut self, length_bytes: u64) -> Result<bool, TokenError> {
        let start = length_bytes.saturating_sub(END_BYTES);
        if start < self.header_bytes {
            return Ok(false);
        }
        self.reader.seek(SeekFrom::Start(start))?;
        let mut end = [0; END_BYTES as usize];
        self.reader.read_exact(&mut end)?;
        let frames = u64::from_le_bytes(array(&end, 4));
        let blocks = frames.div_ceil(self.header.block_frames.into());
        match read_block(&mut end.as_slice(), &self.header, blocks, frames) {
            Ok(Block::End { frames, input_samples }) if self.position_after(frames) == start => {
                (self.frames, self.input_samples, self.truncated) = (frames, input_samples, false);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Counts the complete blocks of a file without a valid end by their frame counts. Reading verifies their
    /// checksums.
    fn recover(&mut self, length_bytes: u64) -> Result<(), TokenError> {
        let block_frames = u64::from(self.header.block_frames);
        let mut start = self.header_bytes;
        while self.position_after(self.frames + block_frames) <= length_bytes {
            let mut count = [0; 4];
            self.reader.seek(SeekFrom::Start(start))?;
            self.reader.read_exact(&mut count)?;
            if u32::from_le_bytes(count) != self.header.block_frames {
                break;
            }
            self.frames += block_frames;
            start = self.position_after(self.frames);
        }
        // A shorter block, the end block and other bytes, or nothing may follow the full blocks.
        self.reader.seek(SeekFrom::Start(start))?;
        let index = self.frames / block_frames;
        let mut next = read_block(&mut self.reader, &self.header, index, self.frames);
        if let Ok(Block::Codes { frames, .. }) = next {
            self.frames += u64::from(frames);
            next = read_block(&mut self.reader, &self.header, index + 1, self.frames);
        }
        if let Ok(Block::End { frames, input_samples }) = next
            && frames == self.frames
        {
            (self.input_samples, self.truncated) = (input_samples, false);
            let end = self.position_after(frames).saturating_add(END_BYTES);
            self.ignored_bytes = length_bytes.saturating_sub(end);
        }
        Ok(())
    }
}
