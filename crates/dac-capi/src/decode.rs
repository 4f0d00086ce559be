//! Decoding of tokens and of streams of codes.

use dac::tokens::TokenMeta;
use dac::{Codes, DecodeOptions, OutputRate, PushDecodeSession};
use dac_batch::BatchError;

use crate::audio::Audio;
use crate::encode::ended;
use crate::model::Model;
use crate::pointers::{create, exclusive, free, reference};
use crate::status::Status;
use crate::tokens::{Tokens, codes_of_u16, codes_of_u32};

/// Decodes tokens at the model's rate. The audio is as long as the encoded signal if the tokens record its
/// length, else all samples of the frames.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decode(
    model: *const Model,
    tokens: *const Tokens,
    out: *mut *mut Audio,
) -> Status {
    // SAFETY: the header requires handles and a valid output parameter.
    unsafe {
        create(out, || {
            let (model, tokens) = (reference("model", model)?, reference("tokens", tokens)?);
            let audio = model.dac.decode(tokens.file(), &DecodeOptions::default())?;
            Ok(Audio::new(audio.channels, audio.rate_hz))
        })
    }
}

/// Decodes codes piece by piece.
pub struct Decoder {
    /// `None` after the end.
    session: Option<PushDecodeSession>,
    channels: usize,
    rate_hz: u32,
}

impl Decoder {
    fn push(&mut self, codes: &Codes) -> Result<Audio, BatchError> {
        let samples = self.session.as_mut().ok_or_else(ended)?.push(codes)?;
        Ok(Audio::new(samples, self.rate_hz))
    }
}

/// Begins the decode of codes of `channels` channels, at the model's rate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_new(
    model: *const Model,
    channels: usize,
    out: *mut *mut Decoder,
) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        create(out, || {
            let dac = &reference("model", model)?.dac;
            let session = PushDecodeSession::new(dac, &TokenMeta::default(), channels, OutputRate::Model)?;
            Ok(Decoder { rate_hz: session.rate_hz(), session: Some(session), channels })
        })
    }
}

/// Takes codes [channels][codebooks][frames] and returns the samples that are complete, possibly none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_push_u16(
    decoder: *mut Decoder,
    codes: *const u16,
    codebooks: usize,
    frames: usize,
    out: *mut *mut Audio,
) -> Status {
    // SAFETY: the header requires a handle, an array of this shape and a valid output parameter.
    unsafe {
        create(out, || {
            let decoder = exclusive("decoder", decoder)?;
            decoder.push(&codes_of_u16(codes, [decoder.channels, codebooks, frames])?)
        })
    }
}

/// Does what dac_decoder_push_u16 does, for codes of 32 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_push_u32(
    decoder: *mut Decoder,
    codes: *const u32,
    codebooks: usize,
    frames: usize,
    out: *mut *mut Audio,
) -> Status {
    // SAFETY: the header requires a handle, an array of this shape and a valid output parameter.
    unsafe {
        create(out, || {
            let decoder = exclusive("decoder", decoder)?;
            decoder.push(&codes_of_u32(codes, [decoder.channels, codebooks, frames])?)
        })
    }
}

/// Ends the signal and returns its remaining samples. Then the decoder can only be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_finish(decoder: *mut Decoder, out: *mut *mut Audio) -> Status {
    // SAFETY: the header requires a handle and a valid output parameter.
    unsafe {
        create(out, || {
            let decoder = exclusive("decoder", decoder)?;
            let samples = decoder.session.take().ok_or_else(ended)?.finish(None)?;
            Ok(Audio::new(samples, decoder.rate_hz))
        })
    }
}

/// Releases a decoder, also before the end of its signal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dac_decoder_free(decoder: *mut Decoder) {
    // SAFETY: the header requires NULL or a handle of this type.
    unsafe { free(decoder) }
}
