//! The frames of the reference's windows in, samples out.

use std::sync::Arc;

use dac_model::codec::EngineDecoder;
use dac_model::{Codec, CodecError};
use dac_nn::NetworkShape;
use dac_rvq::Codes;

use super::PIECE_FRAMES;
use super::plan::{DescriptError, unpadded};
use crate::decoder::StreamDecoder;

/// How the frames of a `.dac` file are to be decoded: chunk by chunk, each alone, with or without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptChunks {
    /// Frames of each chunk but the last, at least 1.
    pub chunk_frames: usize,
    /// Whether the layers pad.
    pub padding: bool,
}

impl DescriptChunks {
    /// Samples that `frames` frames decode to.
    ///
    /// # Errors
    /// When a chunk, the last one included, is too short for the unpadded network.
    pub fn samples(&self, shape: &NetworkShape, frames: usize) -> Result<usize, DescriptError> {
        let decoder = shape.decoder();
        let chunk = self.chunk_frames.max(1).min(frames.max(1));
        let of = |frames: usize| {
            if frames == 0 {
                return Ok(0);
            }
            if self.padding {
                return Ok(decoder.iter().fold(frames, |n, layer| layer.output_len(n)));
            }
            unpadded(&decoder, frames).ok_or_else(|| {
                let smallest_frames = (1..).find(|&f| unpadded(&decoder, f).is_some()).unwrap_or(frames);
                DescriptError::ChunkTooShort { frames, smallest_frames }
            })
        };
        Ok((frames / chunk).saturating_mul(of(chunk)?).saturating_add(of(frames % chunk)?))
    }
}

/// Decodes one channel as the reference's `decompress` does, chunk by chunk, in constant memory on the CPU engine and in that
/// of a chunk elsewhere.
///
/// An unpadded chunk is no part of a padded one: a transposed convolution gives its full output there, whose ends lack what
/// the frames beyond would add, and the layers after it use them. After [`DescriptDecoder::flush`] or an error the next
/// signal starts clean.
pub struct DescriptDecoder {
    codec: Arc<Codec>,
    chunks: DescriptChunks,
    chunk: Chunk,
    /// Frames of the chunk so far, and their codebooks.
    frames: usize,
    codebooks: usize,
}

/// A chunk in progress.
enum Chunk {
    Padded(Box<StreamDecoder>),
    Unpadded(Box<EngineDecoder>),
    /// Collected for a device that keeps no state.
    Collected(Vec<u16>),
}

impl DescriptDecoder {
    /// A decoder for files that are cut as `chunks` says.
    pub fn new(codec: Arc<Codec>, chunks: DescriptChunks) -> Self {
        let chunks = DescriptChunks { chunk_frames: chunks.chunk_frames.max(1), ..chunks };
        let chunk = if chunks.padding {
            Chunk::Padded(Box::new(StreamDecoder::new(codec.clone(), chunks.chunk_frames.min(PIECE_FRAMES))))
        } else {
            match codec.unpadded_engine_decoder() {
                Some(stream) => Chunk::Unpadded(Box::new(stream)),
                None => Chunk::Collected(Vec::new()),
            }
        };
        Self { codec, chunks, chunk, frames: 0, codebooks: 0 }
    }

    /// Takes any number of frames of codes, `[frames][codebooks]`, and appends the samples that are complete.
    ///
    /// # Errors
    /// When a code is out of range or no frame is whole, a chunk is too short, the device fails, or its output is not
    /// finite; the decoder is then as new.
    pub fn push_codes(
        &mut self,
        rows: &[u16],
        codebooks: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), CodecError> {
        let result = self.try_push(rows, codebooks, out);
        self.cleaned(result)
    }

    fn try_push(&mut self, rows: &[u16], codebooks: usize, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let codebooks = self.codec.codebooks(Some(codebooks))?;
        Codes::from_rows(rows, codebooks)?.check_range(self.codec.shape().codebook_size)?;
        let mut rows = rows;
        while !rows.is_empty() {
            if self.frames > 0 && self.codebooks != codebooks {
                let expected = format!("codes of {} codebooks, as the chunk began", self.codebooks);
                return Err(CodecError::Input { what: "codes", found: [1, codebooks, 0], expected });
            }
            self.codebooks = codebooks;
            let wanted = (self.chunks.chunk_frames - self.frames).saturating_mul(codebooks);
            let (part, rest) = rows.split_at(wanted.min(rows.len()));
            match &mut self.chunk {
                Chunk::Padded(decoder) => decoder.push_codes(part, codebooks, out)?,
                Chunk::Unpadded(stream) => stream.push_codes(part, codebooks, out)?,
                Chunk::Collected(held) => held.extend_from_slice(part),
            }
            self.frames += part.len() / codebooks;
            if self.frames == self.chunks.chunk_frames {
                self.end_chunk(out)?;
            }
            rows = rest;
        }
        Ok(())
    }

    /// Ends the signal and appends the rest of its samples.
    ///
    /// # Errors
    /// As [`DescriptDecoder::push_codes`].
    pub fn flush(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let result = if self.frames == 0 { Ok(()) } else { self.end_chunk(out) };
        self.reset();
        result
    }

    fn end_chunk(&mut self, out: &mut Vec<f32>) -> Result<(), CodecError> {
        let frames = std::mem::take(&mut self.frames);
        self.chunks.samples(self.codec.shape(), frames).map_err(|error| CodecError::Input {
            what: "a chunk of codes",
            found: [1, 0, frames],
            expected: error.to_string(),
        })?;
        match &mut self.chunk {
            Chunk::Padded(decoder) => decoder.flush(out),
            Chunk::Unpadded(stream) => stream.finish(out),
            Chunk::Collected(rows) => {
                let codes = Codes::from_rows(rows, self.codebooks)?;
                rows.clear();
                out.extend_from_slice(self.codec.decode_codes_unpadded(&codes)?.as_slice());
                Ok(())
            }
        }
    }

    /// Forgets the signal so far.
    pub fn reset(&mut self) {
        self.frames = 0;
        match &mut self.chunk {
            Chunk::Padded(decoder) => decoder.reset(),
            Chunk::Unpadded(stream) => stream.reset(),
            Chunk::Collected(rows) => rows.clear(),
        }
    }

    fn cleaned(&mut self, result: Result<(), CodecError>) -> Result<(), CodecError> {
        if result.is_err() {
            self.reset();
        }
        result
    }
}
