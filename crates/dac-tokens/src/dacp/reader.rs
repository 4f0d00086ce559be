//! Sequential reader of a `.dacp` stream.

use std::io::Read;

use dac_rvq::Codes;

use super::block::{Block, read_block, unpack_codes};
use super::header::{DacpHeader, NAME};
use crate::error::TokenError;

/// Reads one block at a time. A truncated stream yields its complete blocks, and [`DacpReader::truncated`]
/// then returns true.
#[derive(Debug)]
pub struct DacpReader<R> {
    reader: R,
    header: DacpHeader,
    frames: u64,
    input_samples: Option<u64>,
    truncated: bool,
    /// Whether the stream ended or failed.
    ended: bool,
}

impl<R: Read> DacpReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// Fails if the header is truncated, damaged, of another version or has impossible values.
    pub fn new(mut reader: R) -> Result<Self, TokenError> {
        let (header, _) = DacpHeader::read(&mut reader)?;
        Ok(Self { reader, header, frames: 0, input_samples: None, truncated: false, ended: false })
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
        self.truncated
    }

    /// Length of the input, in samples at its own rate. The end block stores it, if the writer knew it.
    pub fn input_samples(&self) -> Option<u64> {
        self.input_samples
    }

    /// Reads the next frames, `[channels, codebooks, frames]`. Returns `None` at the end, also of a truncated
    /// stream.
    ///
    /// # Errors
    /// Fails if a block is damaged or reading fails. Later calls return `None`.
    pub fn next_codes(&mut self) -> Result<Option<Codes>, TokenError> {
        if self.ended {
            return Ok(None);
        }
        let codes = self.read_next();
        self.ended = !matches!(codes, Ok(Some(_)));
        codes
    }

    /// Returns whether bytes follow the end block, such as those of a second stream; they are not part of
    /// this one. To be called when [`DacpReader::next_codes`] has returned `None`; waits until the source has
    /// another byte or ends.
    ///
    /// # Errors
    /// Fails if reading fails.
    pub fn has_ignored_bytes(&mut self) -> Result<bool, TokenError> {
        Ok(!self.truncated && self.reader.by_ref().take(1).read_to_end(&mut Vec::new())? > 0)
    }

    fn read_next(&mut self) -> Result<Option<Codes>, TokenError> {
        let block_frames = u64::from(self.header.block_frames);
        let index = self.frames.div_ceil(block_frames);
        let malformed = |reason| Err(TokenError::malformed(NAME, reason));
        match read_block(&mut self.reader, &self.header, index, self.frames)? {
            Block::Codes { .. } if !self.frames.is_multiple_of(block_frames) => {
                malformed(format!("a block follows a shorter one at frame {}", self.frames))
            }
            Block::Codes { frames, payload } => {
                let codes = unpack_codes(&self.header, &payload, 0, frames as usize)?;
                self.frames += u64::from(frames);
                Ok(Some(codes))
            }
            Block::End { frames, .. } if frames != self.frames => {
                malformed(format!("the end block counts {frames} frames, found {}", self.frames))
            }
            Block::End { input_samples, .. } => {
                self.input_samples = input_samples;
                Ok(None)
            }
            Block::Truncated => {
                self.truncated = true;
                Ok(None)
            }
        }
    }
}
