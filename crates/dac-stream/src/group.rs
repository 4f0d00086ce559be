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

impl StreamId {
    /// Returns the stream with a number, for programs in other languages. A group checks that it has it.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Number of the stream: streams are counted from 0 in the order in which they join.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// Results of a step: one for each stream that had input or ended, in the order in which they joined.
pub type StepResults<T> = Vec<(StreamId, Result<T, CodecError>)>;

/// What the streams of both kinds of groups have in common.
trait Member {
    /// Reports whether the next step has anything to compute for the stream.
    fn is_active(&self) -> bool;
    /// Whether the signal ends with the next step.
    fn ends(&mut self) -> &mut bool;
    /// Forgets the input since the last step.
    fn clear_input(&mut self);
    /// Discards the signal.
    fn reset(&mut self);
}

/// The streams of a group.
struct Members<T> {
    next: u64,
    members: BTreeMap<StreamId, T>,
}

/// A stream that a step computes, with its output.
struct Active<'a, T, Out> {
    id: StreamId,
    member: &'a mut T,
    out: Out,
    result: Result<(), CodecError>,
}

impl<T: Member> Members<T> {
    fn new() -> Self {
        Self { next: 0, members: BTreeMap::new() }
    }

    fn len(&self) -> usize {
        self.members.len()
    }

    fn join(&mut self, member: T) -> StreamId {
        let id = StreamId(self.next);
        self.next += 1;
        self.members.insert(id, member);
        id
    }

    fn leave(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.members.remove(&id).map(drop).ok_or(CodecError::NotInGroup { number: id.0 })
    }

    fn get(&mut self, id: StreamId) -> Result<&mut T, CodecError> {
        self.members.get_mut(&id).ok_or(CodecError::NotInGroup { number: id.0 })
    }

    fn end(&mut self, id: StreamId) -> Result<(), CodecError> {
        *self.get(id)?.ends() = true;
        Ok(())
    }

    fn reset(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.get(id)?.reset();
        Ok(())
    }

    /// Returns the streams that a step computes, in the order in which they joined.
    fn active<Out: Default>(&mut self) -> Vec<Active<'_, T, Out>> {
        let active = self.members.iter_mut().filter(|(_, member)| member.is_active());
        active.map(|(&id, member)| Active { id, member, out: Out::default(), result: Ok(()) }).collect()
    }
}

/// Ends a step: resets the streams that ended or failed, and returns the results.
fn finish<T: Member, Out>(active: Vec<Active<'_, T, Out>>) -> StepResults<Out> {
    let results = active.into_iter().map(|Active { id, member, out, result }| {
        if *member.ends() || result.is_err() {
            member.reset();
        }
        member.clear_input();
        (id, result.map(|()| out))
    });
    results.collect()
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
    pending: HeldFrames,
    ends: bool,
}

impl DecoderGroup {
    /// Creates a group without streams. Devices that keep no state work in chunks of `chunk_frames`.
    pub fn new(codec: Arc<Codec>, chunk_frames: usize) -> Self {
        Self { codec, chunk_frames, streams: Members::new() }
    }

    /// Number of streams.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Reports whether the group has no streams.
    pub fn is_empty(&self) -> bool {
        self.streams.len() == 0
    }

    /// Adds a stream.
    pub fn join(&mut self) -> StreamId {
        let decoder = StreamDecoder::new(Arc::clone(&self.codec), self.chunk_frames);
        self.streams.join(DecoderMember { decoder, pending: HeldFrames::default(), ends: false })
    }

    /// Removes a stream with all of its signal that was not returned.
    ///
    /// # Errors
    /// When the stream is not in the group.
    pub fn leave(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.streams.leave(id)
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
            true => Err(CodecError::SignalEnded { number: id.0 }),
            false => accept(&mut member.decoder),
        };
        match accepted {
            Ok(count) => member.pending.push(count, frames),
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
        self.streams.end(id)
    }

    /// Discards the stream's signal.
    ///
    /// # Errors
    /// When the stream is not in the group.
    pub fn reset(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.streams.reset(id)
    }

    /// Computes the frames pushed since the last step and returns the samples that are complete. After an
    /// error the stream is reset.
    pub fn step(&mut self) -> StepResults<Vec<f32>> {
        let mut active = self.streams.active();
        // An end is a push by itself, as with a separate stream.
        for is_last in [false, true] {
            let (mut pushes, mut errors) = (Vec::new(), Vec::new());
            for Active { member, out, result, .. } in active.iter_mut().filter(|a| a.result.is_ok()) {
                let DecoderMember { decoder, pending, ends } = &mut **member;
                let has_part = if is_last { *ends } else { pending.frames > 0 };
                if !has_part {
                    continue;
                }
                let empty = Frames::Z(&[]);
                let frames =
                    decoder.kind().filter(|_| !is_last).map_or(empty, |kind| pending.frames_of(kind));
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
        finish(active)
    }
}

impl Member for DecoderMember {
    fn is_active(&self) -> bool {
        self.ends || self.pending.frames > 0
    }

    fn ends(&mut self) -> &mut bool {
        &mut self.ends
    }

    fn clear_input(&mut self) {
        self.pending.clear();
    }

    fn reset(&mut self) {
        self.decoder.reset();
        self.pending.clear();
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
    pending: Vec<f32>,
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
        self.streams.len()
    }

    /// Reports whether the group has no streams.
    pub fn is_empty(&self) -> bool {
        self.streams.len() == 0
    }

    /// Adds a stream.
    ///
    /// # Errors
    /// As [`StreamEncoder::new`].
    pub fn join(&mut self) -> Result<StreamId, CodecError> {
        let encoder = StreamEncoder::new(Arc::clone(&self.codec), self.codebooks, self.chunk_frames)?;
        Ok(self.streams.join(EncoderMember { encoder, pending: Vec::new(), ends: false }))
    }

    /// Removes a stream with all of its signal that was not returned.
    ///
    /// # Errors
    /// When the stream is not in the group.
    pub fn leave(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.streams.leave(id)
    }

    /// Adds any number of samples to the next step.
    ///
    /// # Errors
    /// When the stream is not in the group, or its signal ends with the next step; it is then reset.
    pub fn push(&mut self, id: StreamId, samples: &[f32]) -> Result<(), CodecError> {
        let member = self.streams.get(id)?;
        if member.ends {
            member.reset();
            return Err(CodecError::SignalEnded { number: id.0 });
        }
        member.pending.extend_from_slice(samples);
        Ok(())
    }

    /// Ends the stream's signal with the next step, which returns its remaining frames.
    ///
    /// # Errors
    /// When the stream is not in the group.
    pub fn end(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.streams.end(id)
    }

    /// Discards the stream's signal.
    ///
    /// # Errors
    /// When the stream is not in the group.
    pub fn reset(&mut self, id: StreamId) -> Result<(), CodecError> {
        self.streams.reset(id)
    }

    /// Computes the samples pushed since the last step and returns the frames that are complete. After an
    /// error the stream is reset.
    pub fn step(&mut self) -> StepResults<QuantizedRows> {
        let mut active = self.streams.active();
        // An end is a push by itself, as with a separate stream.
        for is_last in [false, true] {
            let padding = |a: &Active<'_, EncoderMember, _>| match is_last {
                true => a.member.encoder.padding(),
                false => Vec::new(),
            };
            let paddings: Vec<Vec<f32>> = active.iter().map(padding).collect();
            let (mut pushes, mut errors) = (Vec::new(), Vec::new());
            let streams = active.iter_mut().zip(&paddings).filter(|(a, _)| a.result.is_ok());
            for (Active { member, out, result, .. }, padding) in streams {
                let EncoderMember { encoder, pending, ends } = &mut **member;
                let has_part = if is_last { *ends } else { !pending.is_empty() };
                if !has_part {
                    continue;
                }
                if encoder.engine().is_none() {
                    *result = if is_last { encoder.flush(out).map(drop) } else { encoder.push(pending, out) };
                    continue;
                }
                if !is_last {
                    encoder.count(pending.len());
                }
                let samples: &[f32] = if is_last { padding } else { pending };
                if let Some(encoder) = encoder.engine() {
                    pushes.push(EncoderPush { encoder, samples, is_last, out });
                    errors.push(result);
                }
            }
            let computed = EngineEncoder::push_all(&mut pushes);
            errors.into_iter().zip(computed).for_each(|(to, result)| *to = result);
        }
        finish(active)
    }
}

impl Member for EncoderMember {
    fn is_active(&self) -> bool {
        self.ends || !self.pending.is_empty()
    }

    fn ends(&mut self) -> &mut bool {
        &mut self.ends
    }

    fn clear_input(&mut self) {
        self.pending.clear();
    }

    fn reset(&mut self) {
        self.encoder.reset();
        self.pending.clear();
        self.ends = false;
    }
}
