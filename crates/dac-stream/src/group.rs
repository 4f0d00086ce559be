//! Groups of streams that are computed together.
//!
//! A stream that pushes a few frames at a time reads all weights from memory for them. A group computes the
//! frames of all its streams layer by layer, so that the weights are read once for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use dac_model::codec::{DecoderPush, EncoderPush, EngineDecoder, EngineEncoder, Frames};
use dac_model::{Codec, CodecError};
use dac_rvq::cpu::QuantizedRows;

use crate::decoder::{HeldFrames, StreamDecoder};
use crate::encoder::StreamEncoder;

/// Identifies a stream of a group; no other stream of the group gets the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

/// Results of a step: one for each stream that had input or ended, in the order in which they joined.
pub type StepResults<T> = Vec<(StreamId, Result<T, CodecError>)>;

/// The streams of a group.
struct Members<T> {
    next: u64,
    members: BTreeMap<StreamId, T>,
}

impl<T> Members<T> {
    fn new() -> Self {
        Self { next: 0, members: BTreeMap::new() }
    }

    fn join(&mut self, member: T) -> StreamId {
        let id = StreamId(self.next);
        self.next += 1;
        self.members.insert(id, member);
        id
    }

    fn get(&mut self, id: StreamId) -> Result<&mut T, CodecError> {
        self.members.get_mut(&id).ok_or_else(|| refused("a stream that is in the group"))
    }
}

fn refused(expected: &str) -> CodecError {
    CodecError::Input { what: "the stream's input", found: [1, 1, 0], expected: expected.to_owned() }
}

/// Any number of decoders, each of one channel, that share the weights and the computing of a [`Codec`].
///
/// Streams join and leave at any time. Frames are pushed to any of them; [`DecoderGroup::step`] computes the
/// frames of all. A stream returns the bytes of a [`StreamDecoder`] that receives the frames of each step in
/// one push. On devices that keep no state, streams are computed one after the other.
///
/// Load the codec with [`dac_model::CodecOptions::low_latency`]; otherwise large tiles hold samples back,
/// though less than a separate stream does.
pub struct DecoderGroup {
    codec: Arc<Codec>,
    chunk_frames: usize,
    streams: Members<DecoderMember>,
}

struct DecoderMember {
    decoder: StreamDecoder,
    /// Frames since the last step.
    new: HeldFrames,
    ends: bool,
}

impl DecoderGroup {
    /// Creates a group without streams. Devices that keep no state work in chunks of `chunk_frames`.
    pub fn new(codec: Arc<Codec>, chunk_frames: usize) -> Self {
        Self { codec, chunk_frames, streams: Members::new() }
    }

    /// Number of streams.
    pub fn len(&self) -> usize {
        self.streams.members.len()
    }

    /// Reports whether the group has no streams.
    pub fn is_empty(&self) -> bool {
        self.streams.members.is_empty()
    }

    /// Adds a stream.
    pub fn join(&mut self) -> StreamId {
        let decoder = StreamDecoder::new(Arc::clone(&self.codec), self.chunk_frames);
        self.streams.join(DecoderMember { decoder, new: HeldFrames::default(), ends: false })
    }

    /// Removes a stream with all of its signal that was not returned, and reports whether the group had it.
    pub fn leave(&mut self, id: StreamId) -> bool {
        self.streams.members.remove(&id).is_some()
    }

    /// Adds any number of frames of codes, `[frames][codebooks]`, to the next step.
    ///
    /// # Errors
    /// As [`StreamDecoder::push_codes`], when the stream is not in the group, and when its signal ends with
    /// the next step. The stream is then reset.
    pub fn push_codes(&mut self, id: StreamId, rows: &[u16], codebooks: usize) -> Result<(), CodecError> {
        self.push(id, |decoder| decoder.accept_codes(rows, codebooks), Frames::Codes { rows, codebooks })
    }

    /// Adds any number of frames of z, `[frames][latent]`, to the next step.
    ///
    /// # Errors
    /// As [`DecoderGroup::push_codes`].
    pub fn push_z(&mut self, id: StreamId, rows: &[f32]) -> Result<(), CodecError> {
        self.push(id, |decoder| decoder.accept_z(rows), Frames::Z(rows))
    }

    fn push(
        &mut self,
        id: StreamId,
        accept: impl FnOnce(&mut StreamDecoder) -> Result<usize, CodecError>,
        frames: Frames<'_>,
    ) -> Result<(), CodecError> {
        let member = self.streams.get(id)?;
        let accepted = match member.ends {
            true => Err(refused("no frames between the end of a signal and the next step")),
            false => accept(&mut member.decoder),
        };
        match accepted {
            Ok(count) => member.new.push(count, frames),
            Err(error) => {
                member.reset();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Ends the stream's signal with the next step, which returns its remaining samples.
    ///
    /// # Errors
    /// When the stream is not in the group.
    pub fn end(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.streams.get(id)?.ends = true;
        Ok(())
    }

    /// Discards the stream's signal.
    ///
    /// # Errors
    /// When the stream is not in the group.
    pub fn reset(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.streams.get(id)?.reset();
        Ok(())
    }

    /// Computes the frames pushed since the last step and returns the samples that are complete. After an
    /// error the stream is reset.
    pub fn step(&mut self) -> StepResults<Vec<f32>> {
        let is_active = |(_, m): &(&StreamId, &mut DecoderMember)| m.ends || m.new.frames > 0;
        let mut active: Vec<_> = self.streams.members.iter_mut().filter(is_active).collect();
        let mut samples: Vec<Vec<f32>> = active.iter().map(|_| Vec::new()).collect();
        let mut results: Vec<Result<(), CodecError>> = active.iter().map(|_| Ok(())).collect();
        // An end is a push by itself, as with a separate stream.
        for is_last in [false, true] {
            let mut pushes = Vec::new();
            let mut errors = Vec::new();
            let outputs = active.iter_mut().zip(&mut samples).zip(&mut results);
            for (((_, member), out), result) in outputs.filter(|(_, result)| result.is_ok()) {
                let DecoderMember { decoder, new, ends } = &mut **member;
                if if is_last { !*ends } else { new.frames == 0 } {
                    continue;
                }
                let empty = Frames::Z(&[]);
                let frames = decoder.kind().filter(|_| !is_last).map_or(empty, |kind| new.frames_of(kind));
                if decoder.engine().is_none() {
                    *result = decoder.push_accepted(frames, is_last, out);
                } else if let Some(decoder) = decoder.engine() {
                    pushes.push(DecoderPush { decoder, frames, is_last, out });
                    errors.push(result);
                }
            }
            let computed = EngineDecoder::push_all(&mut pushes);
            errors.into_iter().zip(computed).for_each(|(to, result)| *to = result);
        }
        let outputs = active.into_iter().zip(samples).zip(results);
        let results = outputs.map(|(((id, member), samples), result)| {
            if member.ends || result.is_err() {
                member.reset();
            }
            member.new.clear();
            (*id, result.map(|()| samples))
        });
        results.collect()
    }
}

impl DecoderMember {
    fn reset(&mut self) {
        self.decoder.reset();
        self.new.clear();
        self.ends = false;
    }
}

/// Any number of encoders, each of one channel at the model's rate, that share the weights and the computing
/// of a [`Codec`].
///
/// Works as [`DecoderGroup`], with the bytes of a [`StreamEncoder`].
pub struct EncoderGroup {
    codec: Arc<Codec>,
    codebooks: Option<usize>,
    chunk_frames: usize,
    streams: Members<EncoderMember>,
}

struct EncoderMember {
    encoder: StreamEncoder,
    /// Samples since the last step.
    new: Vec<f32>,
    ends: bool,
}

impl EncoderGroup {
    /// Creates a group without streams, for encoders with the first `codebooks` codebooks (`None`: all).
    /// Devices that keep no state work in chunks of `chunk_frames`.
    ///
    /// # Errors
    /// When the model has fewer codebooks.
    pub fn new(codec: Arc<Codec>, codebooks: Option<usize>, chunk_frames: usize) -> Result<Self, CodecError> {
        codec.codebooks(codebooks)?;
        Ok(Self { codec, codebooks, chunk_frames, streams: Members::new() })
    }

    /// Number of streams.
    pub fn len(&self) -> usize {
        self.streams.members.len()
    }

    /// Reports whether the group has no streams.
    pub fn is_empty(&self) -> bool {
        self.streams.members.is_empty()
    }

    /// Adds a stream.
    ///
    /// # Errors
    /// As [`StreamEncoder::new`].
    pub fn join(&mut self) -> Result<StreamId, CodecError> {
        let encoder = StreamEncoder::new(Arc::clone(&self.codec), self.codebooks, self.chunk_frames)?;
        Ok(self.streams.join(EncoderMember { encoder, new: Vec::new(), ends: false }))
    }

    /// Removes a stream with all of its signal that was not returned, and reports whether the group had it.
    pub fn leave(&mut self, id: StreamId) -> bool {
        self.streams.members.remove(&id).is_some()
    }

    /// Adds any number of samples to the next step.
    ///
    /// # Errors
    /// When the stream is not in the group, or its signal ends with the next step; it is then reset.
    pub fn push(&mut self, id: StreamId, samples: &[f32]) -> Result<(), CodecError> {
        let member = self.streams.get(id)?;
        if member.ends {
            member.reset();
            return Err(refused("no samples between the end of a signal and the next step"));
        }
        member.new.extend_from_slice(samples);
        Ok(())
    }

    /// Ends the stream's signal with the next step, which returns its remaining frames.
    ///
    /// # Errors
    /// When the stream is not in the group.
    pub fn end(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.streams.get(id)?.ends = true;
        Ok(())
    }

    /// Discards the stream's signal.
    ///
    /// # Errors
    /// When the stream is not in the group.
    pub fn reset(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.streams.get(id)?.reset();
        Ok(())
    }

    /// Computes the samples pushed since the last step and returns the frames that are complete. After an
    /// error the stream is reset.
    pub fn step(&mut self) -> StepResults<QuantizedRows> {
        let is_active = |(_, m): &(&StreamId, &mut EncoderMember)| m.ends || !m.new.is_empty();
        let mut active: Vec<_> = self.streams.members.iter_mut().filter(is_active).collect();
        let mut rows: Vec<QuantizedRows> = active.iter().map(|_| QuantizedRows::default()).collect();
        let mut results: Vec<Result<(), CodecError>> = active.iter().map(|_| Ok(())).collect();
        // An end is a push by itself, as with a separate stream.
        for is_last in [false, true] {
            let outputs = active.iter().zip(&results);
            let paddings: Vec<Vec<f32>> = outputs.map(|((_, member), _)| member.encoder.padding()).collect();
            let (mut pushes, mut errors) = (Vec::new(), Vec::new());
            let outputs = active.iter_mut().zip(&paddings).zip(&mut rows).zip(&mut results);
            for ((((_, member), padding), out), result) in outputs.filter(|(_, result)| result.is_ok()) {
                let EncoderMember { encoder, new, ends } = &mut **member;
                if if is_last { !*ends } else { new.is_empty() } {
                    continue;
                }
                if encoder.engine().is_none() {
                    *result = if is_last { encoder.flush(out).map(drop) } else { encoder.push(new, out) };
                    continue;
                }
                if !is_last {
                    encoder.count(new.len());
                }
                let samples: &[f32] = if is_last { padding } else { new };
                if let Some(encoder) = encoder.engine() {
                    pushes.push(EncoderPush { encoder, samples, is_last, out });
                    errors.push(result);
                }
            }
            let computed = EngineEncoder::push_all(&mut pushes);
            errors.into_iter().zip(computed).for_each(|(to, result)| *to = result);
        }
        let outputs = active.into_iter().zip(rows).zip(results);
        let results = outputs.map(|(((id, member), rows), result)| {
            if member.ends || result.is_err() {
                member.reset();
            }
            member.new.clear();
            (*id, result.map(|()| rows))
        });
        results.collect()
    }
}

impl EncoderMember {
    fn reset(&mut self) {
        self.encoder.reset();
        self.new.clear();
        self.ends = false;
    }
}
