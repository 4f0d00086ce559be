//! The frames of the reference's windows in, samples out.

use std::sync::Arc;

use dac_model::{Codec, CodecError};
use dac_nn::{Layer, NetworkShape};

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

/// Decodes one channel in the chunks of the reference's `decompress`, in constant memory.
///
/// An unpadded chunk is cut out of a padded decode of the same frames. That is the reference's but for some 450 samples next to
/// each joint, where it differs by up to a hundredth of the peak: an unpadded transposed convolution gives its full output, whose
/// ends lack what the frames beyond would add, and the layers after it use them.
///
/// After [`DescriptDecoder::flush`] or an error the next signal starts clean.
pub struct DescriptDecoder {
    codec: Arc<Codec>,
    chunks: DescriptChunks,
    decoder: StreamDecoder,
    /// Where the output of an unpadded chunk begins in that of a padded one.
    offset_samples: usize,
    /// Frames of the chunk so far.
    frames: usize,
    /// Samples of the padded chunk so far.
    position: usize,
    scratch: Vec<f32>,
}

impl DescriptDecoder {
    /// A decoder for files that are cut as `chunks` says.
    pub fn new(codec: Arc<Codec>, chunks: DescriptChunks) -> Self {
        let chunks = DescriptChunks { chunk_frames: chunks.chunk_frames.max(1), ..chunks };
        let offset_samples = if chunks.padding { 0 } else { offset(&codec.shape().decoder()) };
        let decoder = StreamDecoder::new(codec.clone(), chunks.chunk_frames.min(PIECE_FRAMES));
        Self { codec, chunks, decoder, offset_samples, frames: 0, position: 0, scratch: Vec::new() }
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
        let codebooks = self.codec.codebooks(Some(codebooks))?;
        let mut rows = rows;
        while !rows.is_empty() {
            let wanted = (self.chunks.chunk_frames - self.frames).saturating_mul(codebooks);
            let (part, rest) = rows.split_at(wanted.min(rows.len()));
            let pushed = self.decoder.push_codes(part, codebooks, &mut self.scratch);
            self.cleaned(pushed)?;
            self.frames += part.len() / codebooks;
            self.hand_on(usize::MAX, out);
            if self.frames == self.chunks.chunk_frames {
                self.flush(out)?;
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
        if self.frames == 0 {
            return Ok(());
        }
        let samples = self.chunks.samples(self.codec.shape(), self.frames);
        let samples = samples.map_err(|error| CodecError::Input {
            what: "a chunk of codes",
            found: [1, 0, self.frames],
            expected: error.to_string(),
        });
        let samples = self.cleaned(samples)?;
        let flushed = self.decoder.flush(&mut self.scratch);
        self.cleaned(flushed)?;
        self.hand_on(self.offset_samples + samples, out);
        self.reset();
        Ok(())
    }

    /// Forgets the signal so far.
    pub fn reset(&mut self) {
        self.decoder.reset();
        (self.frames, self.position) = (0, 0);
        self.scratch.clear();
    }

    fn cleaned<T>(&mut self, result: Result<T, CodecError>) -> Result<T, CodecError> {
        if result.is_err() {
            self.reset();
        }
        result
    }

    /// Appends what lies between the offset and `end` of the padded chunk.
    fn hand_on(&mut self, end: usize, out: &mut Vec<f32>) {
        let (at, ready) = (self.position, self.scratch.len());
        let from = self.offset_samples.saturating_sub(at).min(ready);
        let to = end.saturating_sub(at).clamp(from, ready.max(from));
        out.extend_from_slice(&self.scratch[from..to]);
        self.position += ready;
        self.scratch.clear();
    }
}

/// Where the first sample of the unpadded decoder lies in the output of the padded one.
fn offset(decoder: &[Layer]) -> usize {
    decoder.iter().fold(0_usize, |at, layer| match layer {
        Layer::Conv(l) => at + l.padding,
        Layer::ResidualUnit(l) => at + l.conv1.padding,
        Layer::ConvTranspose(l) => (at * l.stride).saturating_sub(l.padding),
        Layer::Snake(_) | Layer::Tanh { .. } => at,
    })
}
