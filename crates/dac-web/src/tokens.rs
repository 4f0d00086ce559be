//! Tokens and token files.

use dac::tokens::{Format, TokenReader, WriteOptions};
use dac::{Codes, TokenFile};
use wasm_bindgen::prelude::*;

use crate::js_error;
use crate::source::{Bytes, JsReader};

/// Codes with their metadata.
#[wasm_bindgen]
#[derive(Clone)]
pub struct Tokens {
    pub(crate) file: TokenFile,
}

#[wasm_bindgen]
impl Tokens {
    /// Reads a token file, whose format is detected from its content.
    pub fn read(bytes: &Bytes) -> Result<Tokens, JsError> {
        let mut reader = TokenReader::open(JsReader::open(bytes)?).map_err(js_error)?;
        Ok(Self { file: reader.read_all().map_err(js_error)? })
    }

    /// Reports whether bytes begin like a token file.
    #[wasm_bindgen(js_name = isTokenFile)]
    pub fn is_token_file(start: &[u8]) -> bool {
        Format::sniff(start).is_some()
    }

    /// Returns the bytes of a token file: `safetensors`, `npy`, `pt`, `dac` or `dacp`.
    pub fn write(&self, format: &str) -> Result<Vec<u8>, JsError> {
        let format: Format = format.parse().map_err(js_error)?;
        let mut bytes = Vec::new();
        self.file.write_to(&mut bytes, format, &WriteOptions::default()).map_err(js_error)?;
        Ok(bytes)
    }

    /// The codes `[channels][codebooks][frames]` in one array.
    #[wasm_bindgen(getter)]
    pub fn codes(&self) -> Vec<u16> {
        self.file.codes.as_ref().map(|codes| codes.as_slice().to_vec()).unwrap_or_default()
    }

    /// Number of channels, codebooks and frames.
    #[wasm_bindgen(getter)]
    pub fn shape(&self) -> Vec<u32> {
        let shape = self.file.codes.as_ref().map(Codes::shape).unwrap_or_default();
        shape.map(|length| length as u32).to_vec()
    }

    /// Length of the encoded audio in seconds, if it is recorded.
    #[wasm_bindgen(getter)]
    pub fn seconds(&self) -> Option<f64> {
        self.file.meta.audio_seconds()
    }

    /// Name of the model that made the tokens, if it is recorded.
    #[wasm_bindgen(getter)]
    pub fn model(&self) -> Option<String> {
        self.file.meta.model.clone()
    }
}
