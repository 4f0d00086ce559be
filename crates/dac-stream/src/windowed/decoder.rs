//! Decoder of windowed mode.

use std::sync::Arc;

use dac_model::{Codec, CodecError};
use dac_nn::{NetworkShape, Padding};
use dac_rvq::Codes;

use super::MAX_CHUNK_FRAMES;
use super::plan::{WindowedError, unpadded};
use crate::decoder::StreamDecoder;
use crate::plan::ChunkPlan;

/// Chunks of a `.dac` file's frames: each is decoded by itself, with or without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowedChunks {
    /// Frames of each chunk except the last, at least 1.
    pub chunk_frames: usize,
    /// True when the layers pad with zeros.
    pub padding: bool,
}

impl WindowedChunks {
    /// Returns the number of samples that `frames` frames decode to.
    ///
    /// # Errors
    /// When a chunk, the last one included, is too short for the unpadded network.
    pub fn samples(&self, shape: &NetworkShape, frames: usize) -> Result<usize, WindowedError> {
        let decoder = shape.decoder();
        let chunk = self.chunk_frames.max(1).min(frames.max(1));
        let samples = |frames: usize| {
            if frames == 0 {
                return Ok(0);
            }
            if self.padding {
                return Ok(decoder.iter().fold(frames, |n, layer| layer.output_len(n)));
            }
            unpadded(&decoder, frames).ok_or_else(|| {
                let smallest_frames = (1..).find(|&f| unpadded(&decoder, f).is_some()).unwrap_or(frames);
                WindowedError::ChunkTooShort { frames, smallest_frames }
            })
        };
        Ok((frames / chunk).saturating_mul(samples(chunk)?).saturating_add(samples(frames % chunk)?))
    }
}

/// Decodes one channel chunk by chunk as the reference's `decompress` does, in constant memory on the CPU
/// engine and in the memory of a chunk on other devices.
///
/// The samples of an unpadded chunk are not a part of those of a longer, padded signal: an unpadded
/// transposed convolution returns its full output, whose ends lack the contributions of neighbouring frames,
/// and the following layers use these ends. [`WindowedDecoder::flush`], [`WindowedDecoder::reset`] and errors
/// end the signal; the next push begins a new one.
pub struct WindowedDecoder {
    chunks: WindowedChunks,
    decoder: StreamDecoder,
    /// Frames of the current chunk so far.
    frames: usize,
    codebooks: usize,
}

impl WindowedDecoder {
    /// Creates a decoder of signals divided into `chunks`.
    pub fn new(codec: Arc<Codec>, chunks: WindowedChunks) -> Self {
        let chunks = WindowedChunks { chunk_frames: chunks.chunk_frames.max(1), ..chunks };
        let plan = ChunkPlan::decode_within_budget(&codec, chunks.chunk_frames.min(MAX_CHUNK_FRAMES));
        let padding = if chunks.padding { Padding::Zeros } else { Padding::None };
        let decoder = StreamDecoder::with_padding(codec, plan, padding);
        Self { chunks, decoder, frames: 0, codebooks: 0 }
    }

    /// Takes any number of frames of codes, `[frames][codebooks]`, and appends the samples that are complete
    /// to `out`.
    ///
    /// # Errors
    /// When a code is out of range, a frame is incomplete, a chunk is too short, the device fails, or its
    /// output is not finite; the decoder is then reset.
    pub fn push_codes(
        &mut self,
        rows: &[u16],
        codebooks: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), CodecError> {
        self.try_push(rows, codebooks, out).inspect_err(|_| self.reset())
    }

    fn try_push(&mut self, rows: &[u16], codebooks: usize, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let codebooks = self.decoder.codec.codebooks(Some(codebooks))?;
        Codes::from_rows(rows, codebooks)?.check_range(self.decoder.codec.shape().codebook_size)?;
        let mut rows = rows;
        while !rows.is_empty() {
            if self.frames > 0 && self.codebooks != codebooks {
                let expected =
                    format!("codes of {} codebooks, like the first frames of the chunk", self.codebooks);
                return Err(CodecError::Input { what: "codes", found: [1, codebooks, 0], expected });
            }
            self.codebooks = codebooks;
            let wanted = (self.chunks.chunk_frames - self.frames).saturating_mul(codebooks);
            let (part, rest) = rows.split_at(wanted.min(rows.len()));
            self.decoder.push_codes(part, codebooks, out)?;
            self.frames += part.len() / codebooks;
            if self.frames == self.chunks.chunk_frames {
                self.end_chunk(out)?;
            }
            rows = rest;
        }
        Ok(())
    }

    /// Ends the signal and appends its remaining samples to `out`.
    ///
    /// # Errors
    /// As [`WindowedDecoder::push_codes`].
    pub fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let result = if self.frames == 0 { Ok(()) } else { self.end_chunk(out) };
        self.reset();
        result
    }

    fn end_chunk(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let frames = std::mem::take(&mut self.frames);
        self.chunks.samples(self.decoder.codec.shape(), frames).map_err(|error| CodecError::Input {
            what: "a chunk of codes",
            found: [1, 0, frames],
            expected: error.to_string(),
        })?;
        self.decoder.flush(out)
    }

    /// Discards the signal pushed so far.
    pub fn reset(&mut self) {
        self.frames = 0;
        self.decoder.reset();
    }
}
