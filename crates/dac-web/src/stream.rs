//! Encoding and decoding in pieces.

use dac::tokens::TokenMeta;
use dac::{Codes, EncodeSession, OutputRate, PushDecodeSession};
use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

use crate::audio::to_js;
use crate::js_error;
use crate::model::Model;
use crate::options::JsEncodeOptions;
use crate::tokens::Tokens;

/// An encode that takes audio block by block.
#[wasm_bindgen]
pub struct EncodeStream {
    session: EncodeSession,
}

#[wasm_bindgen]
impl EncodeStream {
    /// Begins an encode of `channels` channels at `sampleRate` Hz.
    #[wasm_bindgen(constructor)]
    pub fn new(
        model: &Model,
        #[wasm_bindgen(js_name = sampleRate)] sample_rate: u32,
        channels: usize,
        options: Option<JsEncodeOptions>,
    ) -> Result<EncodeStream, JsError> {
        let options = JsEncodeOptions::read(options.as_ref())?;
        let session = EncodeSession::new(&model.dac, sample_rate, channels, &options);
        Ok(Self { session: session.map_err(js_error)? })
    }

    /// Takes the next samples, an array per channel, and returns the codes `[channels][codebooks][frames]` of
    /// the frames that are complete and were not returned before; `finish` returns all tokens from then on.
    pub fn push(&mut self, channels: Vec<Float32Array>) -> Result<Vec<u16>, JsError> {
        let block = channels.iter().map(Float32Array::to_vec).collect();
        self.session.push(block).map_err(js_error)?;
        let codes = self.session.take_codes().map_err(js_error)?;
        Ok(codes.map(Codes::into_vec).unwrap_or_default())
    }

    /// Ends the signal and returns the tokens that `push` did not return.
    pub fn finish(self) -> Result<Tokens, JsError> {
        Ok(Tokens { file: self.session.finish("the stream").map_err(js_error)? })
    }
}

/// A decode that takes codes frame by frame, best with a model from `loadLowLatency`.
#[wasm_bindgen]
pub struct DecodeStream {
    session: PushDecodeSession,
    codebooks: usize,
    channels: usize,
}

#[wasm_bindgen]
impl DecodeStream {
    /// Begins a decode of codes with this number of channels and codebooks.
    #[wasm_bindgen(constructor)]
    pub fn new(model: &Model, channels: usize, codebooks: usize) -> Result<DecodeStream, JsError> {
        let session = PushDecodeSession::new(&model.dac, &TokenMeta::default(), channels, OutputRate::Model);
        Ok(Self { session: session.map_err(js_error)?, codebooks, channels })
    }

    /// Takes codes `[channels][codebooks][frames]` in one array and returns the samples that are complete.
    pub fn push(&mut self, codes: Vec<u16>) -> Result<Vec<Float32Array>, JsError> {
        let frames = codes.len().checked_div(self.channels * self.codebooks).unwrap_or(0);
        let codes = Codes::new(codes, [self.channels, self.codebooks, frames]).map_err(js_error)?;
        Ok(to_js(&self.session.push(&codes).map_err(js_error)?))
    }

    /// Ends the signal and returns its remaining samples.
    pub fn finish(self) -> Result<Vec<Float32Array>, JsError> {
        Ok(to_js(&self.session.finish(None).map_err(js_error)?))
    }
}
