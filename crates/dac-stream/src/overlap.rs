//! The chunking of the original card's wrapper: chunks coded alone, neighbours averaged where they overlap.
//!
//! Not exact: the codes depend on the chunk, and the joints are audible. It is here for those who need what that wrapper
//! gives; see [`crate::StreamEncoder`] and [`crate::StreamDecoder`] for chunks without seams.

use dac_model::{Codec, CodecError};
use dac_rvq::cpu::QuantizedRows;
use dac_rvq::{Array3, Codes};

/// The wrapper's three numbers, with the card's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverlapSettings {
    /// Length of a chunk to encode, in seconds; floored to whole hops.
    pub encoding_chunk_seconds: f64,
    /// Share of all frames that is decoded at a time.
    pub decoding_chunk_rate: f64,
    /// Share of a chunk that overlaps with the one before.
    pub decoding_overlap_rate: f64,
}

impl Default for OverlapSettings {
    fn default() -> Self {
        Self { encoding_chunk_seconds: 1.0, decoding_chunk_rate: 0.1, decoding_overlap_rate: 0.1 }
    }
}

/// One chunk to decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverlapChunk {
    /// First frame.
    pub start_frame: usize,
    /// How many frames.
    pub frames: usize,
    /// How many of its first frames are averaged with what stands there.
    pub overlap_frames: usize,
}

impl OverlapSettings {
    /// Samples of a chunk to encode: whole hops, at least one.
    pub fn encoding_chunk_samples(&self, codec: &Codec) -> usize {
        let hop = codec.geometry().hop_samples;
        let samples = self.encoding_chunk_seconds * f64::from(codec.shape().sample_rate_hz);
        ((samples.max(0.0) as usize) / hop * hop).max(hop)
    }

    /// The chunks that `frames` frames are decoded in. Where the wrapper's arithmetic would not advance (fewer than ten
    /// frames by default, an overlap of a whole chunk), all is one chunk.
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
        // A chunk shorter than the overlap shrinks it, for good.
        let mut lasting = overlap;
        let chunks = (0..frames).step_by(chunk - overlap).map(|start_frame| {
            let frames = chunk.min(frames - start_frame);
            lasting = lasting.min(frames);
            OverlapChunk { start_frame, frames, overlap_frames: if start_frame == 0 { 0 } else { lasting } }
        });
        chunks.collect()
    }
}

/// Encodes one channel in chunks, each with its own zero padding; the last is zero-padded to whole hops.
pub struct OverlapEncoder {
    chunk_samples: usize,
    codebooks: Option<usize>,
    buffer: Vec<f32>,
}

impl OverlapEncoder {
    /// An encoder with the first `codebooks` codebooks (`None`: all).
    pub fn new(codec: &Codec, codebooks: Option<usize>, settings: &OverlapSettings) -> Self {
        Self { chunk_samples: settings.encoding_chunk_samples(codec), codebooks, buffer: Vec::new() }
    }

    /// Takes any number of samples and appends the frames of the chunks that are complete.
    ///
    /// # Errors
    /// As [`Codec::encode`].
    pub fn push(
        &mut self,
        codec: &Codec,
        samples: &[f32],
        out: &mut QuantizedRows,
    ) -> Result<(), CodecError> {
        self.buffer.extend_from_slice(samples);
        while self.buffer.len() >= self.chunk_samples {
            let rest = self.buffer.split_off(self.chunk_samples);
            let chunk = std::mem::replace(&mut self.buffer, rest);
            self.encode(codec, chunk, out)?;
        }
        Ok(())
    }

    /// Ends the signal and appends the frames of the last chunk.
    ///
    /// # Errors
    /// As [`Codec::encode`].
    pub fn flush(&mut self, codec: &Codec, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let chunk = std::mem::take(&mut self.buffer);
        if chunk.is_empty() { Ok(()) } else { self.encode(codec, chunk, out) }
    }

    fn encode(&self, codec: &Codec, chunk: Vec<f32>, out: &mut QuantizedRows) -> Result<(), CodecError> {
        let encoded = codec.encode(&Array3::mono(chunk), self.codebooks)?;
        out.z.extend(encoded.z.to_rows(0));
        out.codes.extend(encoded.codes.to_rows(0));
        out.latents.extend(encoded.latents.to_rows(0));
        Ok(())
    }
}

/// Decodes one channel's codes `[1, codebooks, frames]` in averaged chunks, to frames · hop samples.
///
/// # Errors
/// As [`Codec::decode_codes`].
pub fn decode_codes(
    codec: &Codec,
    codes: &Codes,
    settings: &OverlapSettings,
) -> Result<Vec<f32>, CodecError> {
    join(codec, codes.frames(), settings, |start, end| codec.decode_codes(&codes.slice_frames(start..end)))
}

/// Decodes one channel's z `[1, latent, frames]` in averaged chunks, to frames · hop samples.
///
/// # Errors
/// As [`Codec::decode`].
pub fn decode_z(codec: &Codec, z: &Array3, settings: &OverlapSettings) -> Result<Vec<f32>, CodecError> {
    let [_, latent, frames] = z.shape();
    let rows = z.to_rows(0);
    join(codec, frames, settings, |start, end| {
        codec.decode(&Array3::from_rows(&rows[start * latent..end * latent], latent)?)
    })
}

/// Each chunk is placed at start · hop; samples that a chunk falls short of (8 with a stride of 5) are the next one's, or
/// zero.
fn join(
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
        // What stands beyond the averaged part can only be zeros of an earlier, longer chunk's missing end.
        joined.truncate(place + new);
        joined.extend_from_slice(&audio[new..]);
    }
    joined.resize(frames * hop, 0.0);
    Ok(joined)
}
