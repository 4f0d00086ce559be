//! Encoding of whole signals and of streams.

use std::ffi::c_char;

use dac::{ChannelMix, Codes, EncodeOptions, EncodeSession};
use dac_batch::BatchError;

use crate::model::Model;
use crate::pointers::{array, create, exclusive, free, reference, text};
use crate::status::{Status, invalid};
use crate::tokens::Tokens;

fn options(codebooks: usize) -> EncodeOptions {
    EncodeOptions {
        codebooks: Some(codebooks).filter(|codebooks| *codebooks > 0),
        channels: ChannelMix::Keep,
        ..EncodeOptions::default()
    }
}

/// The channels of planar samples.
///
/// # Safety
/// As [`array`].
unsafe fn planar<'a>(
    samples: *const f32,
    channels: usize,
    samples_per_channel: usize,
) -> Result<Vec<&'a [f32]>, BatchError> {
    // SAFETY: as for this function.
    let all = unsafe { array("samples", samples, &[channels, samples_per_channel]) }?;
    Ok((0..channels).map(|at| &all[at * samples_per_channel..(at + 1) * samples_per_channel]).collect())
}

/// Encodes samples [channels][samples_per_channel] at `sample_rate_hz`, each channel by itself, with the
/// first `codebooks` codebooks (0: all). Another rate than the model's is resampled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encode(
    model: *const Model,
    samples: *const f32,
    channels: usize,
    samples_per_channel: usize,
    sample_rate_hz: u32,
    codebooks: usize,
    out: *mut *mut Tokens,
) -> Status {
    // SAFETY: the header requires a handle, an array of this shape and a valid output parameter.
    unsafe {
        create(out, || {
            let model = reference("model", model)?;
            let channels = planar(samples, channels, samples_per_channel)?;
            let options = options(codebooks);
            Tokens::new(model.dac.encode_slices(&channels, sample_rate_hz, &options, &mut ())?)
        })
    }
}

/// Encodes an audio file, each channel by itself, with the first `codebooks` codebooks (0: all).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encode_file(
    model: *const Model,
    path: *const c_char,
    codebooks: usize,
    out: *mut *mut Tokens,
) -> Status {
    // SAFETY: the header requires a handle, a valid text and a valid output parameter.
    unsafe {
        create(out, || {
            let (model, path) = (reference("model", model)?, text("path", path)?);
            Tokens::new(model.dac.encode_file(path, &options(codebooks), &mut ())?)
        })
    }
}

/// Encodes a signal piece by piece.
pub struct Encoder {
    /// `None` after the end.
    session: Option<EncodeSession>,
    input_channels: usize,
    codebooks: usize,
}

/// Begins the encode of a signal of `channels` channels at `sample_rate_hz`, each encoded by itself with the
/// first `codebooks` codebooks (0: all).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_new(
    model: *const Model,
    sample_rate_hz: u32,
    channels: usize,
    codebooks: usize,
    out: *mut *mut Encoder,
) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        create(out, || {
            let dac = &reference("model", model)?.dac;
            let options = options(codebooks);
            let session = EncodeSession::new(dac, sample_rate_hz, channels, &options)?;
            let codebooks = options.codebooks.unwrap_or(dac.shape().codebooks);
            Ok(Encoder { session: Some(session), input_channels: channels, codebooks })
        })
    }
}

/// Takes samples [channels][samples_per_channel] and returns the codes that are complete, possibly of 0
/// frames.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_push(
    encoder: *mut Encoder,
    samples: *const f32,
    samples_per_channel: usize,
    out: *mut *mut Tokens,
) -> Status {
    // SAFETY: the header requires a handle, an array of this shape and a valid output parameter.
    unsafe {
        create(out, || {
            let encoder = exclusive("encoder", encoder)?;
            let block = planar(samples, encoder.input_channels, samples_per_channel)?;
            let session = encoder.session.as_mut().ok_or_else(ended)?;
            session.push(block.into_iter().map(<[f32]>::to_vec).collect())?;
            let shape = [session.channels(), encoder.codebooks, 0];
            let empty = || Codes::new(Vec::new(), shape).map_err(dac::codec::CodecError::from);
            let codes = session.take_codes()?.map_or_else(empty, Ok).map_err(dac::Error::from)?;
            Ok(Tokens::of_codes(codes))
        })
    }
}

/// Ends the signal and returns its remaining codes. Then the encoder can only be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_finish(encoder: *mut Encoder, out: *mut *mut Tokens) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        create(out, || {
            let session = exclusive("encoder", encoder)?.session.take().ok_or_else(ended)?;
            Tokens::new(session.finish("the stream")?)
        })
    }
}

/// Releases an encoder, also before the end of its signal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_encoder_free(encoder: *mut Encoder) {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { free(encoder) }
}

pub(crate) fn ended() -> BatchError {
    invalid("the stream has ended; begin another")
}
