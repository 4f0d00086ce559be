//! Groups of streams that are computed together.

use dac::Codes;
use dac::audio::NonFinitePolicy;
use dac::codec::{CodecError, QuantizedRows};
use dac::stream::{self, StreamId};
use dac_batch::BatchError;

use crate::audio::Audio;
use crate::model::Model;
use crate::pointers::{array, create, exclusive, free, reference};
use crate::status::{Status, guard};
use crate::step::Step;
use crate::tokens::{Tokens, codes_of_u16, codes_of_u32};

/// Decoders of one channel each that are computed together, with one pass over the weights.
pub struct DecoderGroup {
    group: stream::DecoderGroup,
    rate_hz: u32,
}

/// Encoders of one channel each, at the model's rate, that are computed together.
pub struct EncoderGroup {
    group: stream::EncoderGroup,
    codebooks: usize,
}

fn codec_error(error: CodecError) -> BatchError {
    dac::Error::from(error).into()
}

/// Calls a function of a group.
///
/// # Safety
/// `group` is NULL or valid, and nothing else uses it meanwhile.
unsafe fn with<T>(group: *mut T, work: impl FnOnce(&mut T) -> Result<(), BatchError>) -> Status {
    // SAFETY: as for this function.
    guard(|| work(unsafe { exclusive("group", group) }?))
}

impl DecoderGroup {
    fn push(&mut self, stream: u64, codes: &Codes) -> Result<(), BatchError> {
        let stream = StreamId::from_number(stream);
        self.group.push_codes(stream, &codes.to_rows(0), codes.codebooks()).map_err(codec_error)
    }
}

/// Makes a group of decoders without streams. Load the model with low_latency=1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_group_new(model: *const Model, out: *mut *mut DecoderGroup) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        create(out, || {
            let dac = &reference("model", model)?.dac;
            Ok(DecoderGroup { group: dac.decoder_group(), rate_hz: dac.shape().sample_rate_hz })
        })
    }
}

/// Adds a stream and stores its number, which no other stream of the group gets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_group_join(group: *mut DecoderGroup, stream: *mut u64) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        with(group, |group| {
            let stream = exclusive("stream", stream)?;
            *stream = group.group.join().number();
            Ok(())
        })
    }
}

/// Removes a stream with all of its signal that was not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_group_leave(group: *mut DecoderGroup, stream: u64) -> Status {
    // SAFETY: the header requires a handle.
    unsafe { with(group, |group| group.group.leave(StreamId::from_number(stream)).map_err(codec_error)) }
}

/// Adds codes [codebooks][frames] of a stream to the next step.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_group_push_u16(
    group: *mut DecoderGroup,
    stream: u64,
    codes: *const u16,
    codebooks: usize,
    frames: usize,
) -> Status {
    // SAFETY: the header requires a handle and an array of this shape.
    unsafe { with(group, |group| group.push(stream, &codes_of_u16(codes, [1, codebooks, frames])?)) }
}

/// Does what dac_decoder_group_push_u16 does, for codes of 32 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_group_push_u32(
    group: *mut DecoderGroup,
    stream: u64,
    codes: *const u32,
    codebooks: usize,
    frames: usize,
) -> Status {
    // SAFETY: the header requires a handle and an array of this shape.
    unsafe { with(group, |group| group.push(stream, &codes_of_u32(codes, [1, codebooks, frames])?)) }
}

/// Ends the signal of a stream with the next step, which returns its remaining samples. The stream can then
/// begin another signal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_group_end(group: *mut DecoderGroup, stream: u64) -> Status {
    // SAFETY: the header requires a handle.
    unsafe { with(group, |group| group.group.end(StreamId::from_number(stream)).map_err(codec_error)) }
}

/// Discards the signal of a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_group_reset(group: *mut DecoderGroup, stream: u64) -> Status {
    // SAFETY: the header requires a handle.
    unsafe { with(group, |group| group.group.reset(StreamId::from_number(stream)).map_err(codec_error)) }
}

/// Computes what was pushed since the last step, for all streams, and returns the samples that are complete.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_group_step(group: *mut DecoderGroup, out: *mut *mut Step) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        create(out, || {
            let group = exclusive("group", group)?;
            let rate_hz = group.rate_hz;
            let audio = |samples| Audio::new(vec![samples], rate_hz);
            let results = group.group.step().into_iter();
            Ok(Step::of_audio(results.map(|(id, result)| (id.number(), result.map(audio)))))
        })
    }
}

/// Releases a group with its streams.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_group_free(group: *mut DecoderGroup) {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { free(group) }
}

/// Makes a group of encoders without streams, with the first `codebooks` codebooks (0: all). Load the model
/// with low_latency=1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_group_new(
    model: *const Model,
    codebooks: usize,
    out: *mut *mut EncoderGroup,
) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        create(out, || {
            let dac = &reference("model", model)?.dac;
            let codebooks = Some(codebooks).filter(|codebooks| *codebooks > 0);
            let group = dac.encoder_group(codebooks).map_err(codec_error)?;
            Ok(EncoderGroup { group, codebooks: codebooks.unwrap_or(dac.shape().codebooks) })
        })
    }
}

/// Adds a stream and stores its number, which no other stream of the group gets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_group_join(group: *mut EncoderGroup, stream: *mut u64) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        with(group, |group| {
            let stream = exclusive("stream", stream)?;
            *stream = group.group.join().map_err(codec_error)?.number();
            Ok(())
        })
    }
}

/// Removes a stream with all of its signal that was not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_group_leave(group: *mut EncoderGroup, stream: u64) -> Status {
    // SAFETY: the header requires a handle.
    unsafe { with(group, |group| group.group.leave(StreamId::from_number(stream)).map_err(codec_error)) }
}

/// Adds samples of a stream, at the model's rate, to the next step.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_group_push(
    group: *mut EncoderGroup,
    stream: u64,
    samples: *const f32,
    length: usize,
) -> Status {
    // SAFETY: the header requires a handle and an array of this length.
    unsafe {
        with(group, |group| {
            let mut block = [array("samples", samples, &[length])?.to_vec()];
            NonFinitePolicy::Error.apply(&mut block, "the samples", 0)?;
            group.group.push(StreamId::from_number(stream), &block[0]).map_err(codec_error)
        })
    }
}

/// Ends the signal of a stream with the next step, which returns its remaining codes. The stream can then
/// begin another signal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_group_end(group: *mut EncoderGroup, stream: u64) -> Status {
    // SAFETY: the header requires a handle.
    unsafe { with(group, |group| group.group.end(StreamId::from_number(stream)).map_err(codec_error)) }
}

/// Discards the signal of a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_group_reset(group: *mut EncoderGroup, stream: u64) -> Status {
    // SAFETY: the header requires a handle.
    unsafe { with(group, |group| group.group.reset(StreamId::from_number(stream)).map_err(codec_error)) }
}

/// Computes what was pushed since the last step, for all streams, and returns the codes that are complete.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_group_step(group: *mut EncoderGroup, out: *mut *mut Step) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        create(out, || {
            let group = exclusive("group", group)?;
            let codebooks = group.codebooks;
            let tokens =
                |rows: QuantizedRows| Ok(Tokens::of_codes(Codes::from_rows(&rows.codes, codebooks)?));
            let results = group.group.step().into_iter();
            Ok(Step::of_tokens(results.map(|(id, result)| (id.number(), result.and_then(tokens)))))
        })
    }
}

/// Releases a group with its streams.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_group_free(group: *mut EncoderGroup) {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { free(group) }
}
