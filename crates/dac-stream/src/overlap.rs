//! Overlap mode: the chunking of the hance-ai wrapper, for results that are comparable with it.
//!
//! Chunks are encoded without context, and decoded chunks are averaged where they overlap. The codes depend
//! on the chunk, and the joints are audible; [`crate::StreamEncoder`] and [`crate::StreamDecoder`] avoid
//! both.

use std::sync::Arc;

use dac_model::{Codec, CodecError};
use dac_rvq::cpu::QuantizedRows;
use dac_rvq::{Array3, Codes};

use crate::encoder::{append_frames, item_rows};

/// Settings of the hance-ai wrapper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverlapSettings {
    /// Length of a chunk to encode in seconds; rounded down to whole hops, at least one.
    pub encoding_chunk_seconds: f64,
    /// Length of a chunk to decode, as a share of all frames.
    pub decoding_chunk_rate: f64,
    /// Overlap with the previous chunk, as a share of a chunk.
    pub decoding_overlap_rate: f64,
}

impl Default for OverlapSettings {
    fn default() -> Self {
        Self { encoding_chunk_seconds: 1.0, decoding_chunk_rate: 0.1, decoding_overlap_rate: 0.1 }
    }
}

/// A chunk to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverlapChunk {
    /// First frame.
    pub start_frame: usize,
    /// Number of frames.
    pub frames: usize,
    /// Number of its first frames that are averaged with the previous chunk.
    pub overlap_frames: usize,
}

impl OverlapSettings {
    /// Samples of a chunk to encode.
    pub fn encoding_chunk_samples(&self, codec: &Codec) -> usize {
        let hop = codec.geometry().hop_samples;
        let samples = self.encoding_chunk_seconds * f64::from(codec.shape().sample_rate_hz);
        ((samples.max(0.0) as usize) / hop * hop).max(hop)
    }

    /// Returns the chunks that `frames` frames are decoded in. Where the wrapper fails because its step is 0
    /// (fewer than ten frames by default, or an overlap of a whole chunk), all frames are one chunk.
    pub fn decoding_chunks(&self, frames: usize) -> Vec<OverlapChunk> {
        let share = |rate: f64, of: usize| {
            if rate.is_finite() { (rate * of as f64).clamp(0.0, of as f64) } else { 0.0 }
        };
        let chunk = share(self.decoding_chunk_rate, frames) as usize;
        let overlap = share(self.decoding_overlap_rate, chunk).round_ties_even() as usize;
        if frames == 0 {
            return Vec::new();
        }
        if chunk <= overlap {
            return vec![OverlapChunk { start_frame: 0, frames, overlap_frames: 0 }];
        }
        // As in the wrapper, a chunk shorter than the overlap shortens all later overlaps too.
        let mut overlap_frames = overlap;
        let chunks = (0..frames).step_by(chunk - overlap).map(|start_frame| {
            let frames = chunk.min(frames - start_frame);
            overlap_frames = overlap_frames.min(frames);
            OverlapChunk {
                start_frame,
                frames,
                overlap_frames: if start_frame == 0 { 0 } else { overlap_frames },
            }
        });
        chunks.collect()
    }
}

/// Encodes one channel in chunks without context; pads the last one with zeros to whole hops.
pub struct OverlapEncoder {
    codec: Arc<Codec>,
    chunk_samples: usize,
    codebooks: Option<usize>,
    buffer: Vec<f32>,
}

impl OverlapEncoder {
    /// Creates an encoder with the first `codebooks` codebooks (`None`: all).
    pub fn new(codec: Arc<Codec>, codebooks: Option<usize>, settings: &OverlapSettings) -> Self {
        let chunk_samples = settings.encoding_chunk_samples(&codec);
        Self { codec, chunk_samples, codebooks, buffer: Vec::new() }
    }

    /// Takes any number of samples and appends the frames of complete chunks to `out`.
    ///
    /// # Errors
    /// As [`Codec::encode`].
    pub fn push(&mut self, samples: &[f32], out: &mut QuantizedRows) -> Result<(), CodecError> {
        self.buffer.extend_from_slice(samples);
        while self.buffer.len() >= self.chunk_samples {
            let rest = self.buffer.split_off(self.chunk_samples);
            let chunk = std::mem::replace(&mut self.buffer, rest);
            self.encode(chunk, out)?;
        }
        Ok(())
    }

    /// Ends the signal and appends the frames of its last chunk to `out`.
    ///
    /// # Errors
    /// As [`Codec::encode`].
    pub fn flush(&mut self, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let chunk = std::mem::take(&mut self.buffer);
        if chunk.is_empty() { Ok(()) } else { self.encode(chunk, out) }
    }

    fn encode(&self, chunk: Vec<f32>, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let encoded = self.codec.encode(&Array3::mono(chunk), self.codebooks)?;
        let frames = encoded.codes.frames();
        append_frames(&item_rows(&encoded, 0), frames, &(0..frames), out);
        Ok(())
    }
}

/// Decodes one channel's codes `[1, codebooks, frames]` to frames · hop samples.
///
/// # Errors
/// As [`Codec::decode_codes`].
pub fn decode_codes(
    codec: &Codec,
    codes: &Codes,
    settings: &OverlapSettings,
) -> Result<Vec<f32>, CodecError> {
    decode_chunks(codec, codes.frames(), settings, |start, end| {
        codec.decode_codes(&codes.slice_frames(start..end))
    })
}

/// Decodes one channel's z `[1, latent, frames]` to frames · hop samples.
///
/// # Errors
/// As [`Codec::decode`].
pub fn decode_z(codec: &Codec, z: &Array3, settings: &OverlapSettings) -> Result<Vec<f32>, CodecError> {
    let [_, latent, frames] = z.shape();
    let rows = z.to_rows(0);
    decode_chunks(codec, frames, settings, |start, end| {
        codec.decode(&Array3::from_rows(&rows[start * latent..end * latent], latent)?)
    })
}

/// Decodes all chunks and averages them where they overlap. Each chunk is placed at start · hop; where it is
/// shorter than its frames · hop (by 8 samples with a stride of 5), the next chunk's samples follow, or
/// zeros.
fn decode_chunks(
    codec: &Codec,
    frames: usize,
    settings: &OverlapSettings,
    decode: impl Fn(usize, usize) -> Result<Array3, CodecError>,
) -> Result<Vec<f32>, CodecError> {
    let hop = codec.geometry().hop_samples;
    let mut joined: Vec<f32> = Vec::with_capacity(frames * hop);
    for chunk in settings.decoding_chunks(frames) {
        let audio = decode(chunk.start_frame, chunk.start_frame + chunk.frames)?.into_vec();
        let place = chunk.start_frame * hop;
        let averaged_end = (place + chunk.overlap_frames * hop).min(joined.len());
        if joined.len() < place {
            joined.resize(place, 0.0);
        }
        for (sample, old) in audio.iter().zip(&mut joined[place..averaged_end.max(place)]) {
            *old = (*old + sample) / 2.0;
        }
        let new = averaged_end.saturating_sub(place).min(audio.len());
        // Samples beyond the averaged part can only be zeros that stand for the missing end of an earlier
        // chunk.
        joined.truncate(place + new);
        joined.extend_from_slice(&audio[new..]);
    }
    joined.resize(frames * hop, 0.0);
    Ok(joined)
}
