//! Sequential writer of a `.dacp` stream.

use std::io::Write;

use dac_rvq::{Codes, CodesError};

use super::block::{write_block, write_end};
use super::header::DacpHeader;
use crate::error::TokenError;

/// Writes frames of codes in blocks and buffers less than one block. Without [`DacpWriter::finish`] the
/// stream is truncated.
#[derive(Debug)]
pub struct DacpWriter<W> {
    writer: W,
    header: DacpHeader,
    /// Codes of the next block, frame by frame and channel by channel.
    pending: Vec<u16>,
    blocks: u64,
    frames: u64,
}

impl<W: Write> DacpWriter<W> {
    /// Writes the header immediately, so that the reader of a pipe can start.
    ///
    /// # Errors
    /// Fails if writing fails.
    pub fn new(mut writer: W, header: DacpHeader) -> Result<Self, TokenError> {
        writer.write_all(&header.to_bytes()?)?;
        writer.flush()?;
        Ok(Self { writer, header, pending: Vec::new(), blocks: 0, frames: 0 })
    }

    /// Header of the stream.
    pub fn header(&self) -> &DacpHeader {
        &self.header
    }

    /// Number of frames pushed so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Appends codes `[channels, codebooks, frames]`, and writes and flushes each full block.
    ///
    /// # Errors
    /// Fails if the channels or codebooks differ from the header, a code is not below the codebook size, or
    /// writing fails.
    pub fn push(&mut self, codes: &Codes) -> Result<(), TokenError> {
        let [channels, codebooks, frames] = codes.shape();
        let expected = [self.header.channels.into(), self.header.codebooks.into()];
        if [channels, codebooks] != expected {
            return Err(CodesError::Mismatch { expected, found: [channels, codebooks] }.into());
        }
        codes.check_range(self.header.codebook_size as usize)?;
        let block_codes = self.header.block_frames as usize * self.header.frame_codes();
        let data = codes.as_slice();
        for t in 0..frames {
            self.pending.extend(data.iter().skip(t).step_by(frames));
            self.frames += 1;
            if self.pending.len() == block_codes {
                self.write_block()?;
            }
        }
        Ok(())
    }

    /// Writes the remaining frames and the end block with the length of the input, in samples at its own
    /// rate.
    ///
    /// # Errors
    /// Fails if writing fails.
    pub fn finish(mut self, input_samples: Option<u64>) -> Result<W, TokenError> {
        if !self.pending.is_empty() {
            self.write_block()?;
        }
        write_end(&mut self.writer, self.blocks, self.frames, input_samples)?;
        Ok(self.writer)
    }

    fn write_block(&mut self) -> Result<(), TokenError> {
        write_block(&mut self.writer, &self.header, self.blocks, &self.pending)?;
        self.pending.clear();
        self.blocks += 1;
        Ok(())
    }
}
